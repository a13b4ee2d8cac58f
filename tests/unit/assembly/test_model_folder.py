"""A potential as a folder: what is written is read, and what does not fit is named."""

import json
from dataclasses import replace

import pytest
import torch

from panna_exp import __version__
from panna_exp.assembly.model_folder import FACTS, read_members, read_model, write_committee
from panna_exp.errors import NetworkError
from panna_exp.networks.sums import read_sums


def change(folder, **values):
    path = folder / FACTS
    (folder / "SHA256SUMS").unlink(missing_ok=True)  # older folders have none
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_what_is_written_is_read(model_folder):
    potential, dtype = read_model(model_folder)
    assert potential.name == "epoch_1_step_10"
    assert potential.symbols == ("H", "O")
    assert potential.offsets == (-13.6, -2041.8)
    assert potential.energy_rescale == 2.0
    assert potential.descriptor.kind == "mBP"
    assert dtype == torch.float64
    assert json.loads((model_folder / FACTS).read_text())["units"]["energy"] == "eV"


def test_another_version_is_refused_by_name(model_folder):
    change(model_folder, format_version=3, panna_exp="9.8.7")
    with pytest.raises(
        NetworkError,
        match=rf"potential\.json: has the format version 3, written by panna_exp 9\.8\.7, but "
        rf"panna_exp {__version__} reads 1 and 2",
    ):
        read_model(model_folder)


def test_a_committee_is_read_by_its_members(model_folder, tmp_path):
    potential, dtype = read_model(model_folder)
    assert [item.name for item in read_members(model_folder)[0]] == ["epoch_1_step_10"]
    other = replace(potential, name="other", energy_rescale=4.0)
    folder = tmp_path / "committee"
    write_committee(folder, "both", [potential, other], "float64")
    members, found = read_members(folder)
    assert [(item.name, item.energy_rescale) for item in members] == [
        ("epoch_1_step_10", 2.0),
        ("other", 4.0),
    ]
    assert found == dtype
    assert all(a.identical(b) for a, b in zip(members[1].networks, other.networks, strict=True))
    with pytest.raises(NetworkError, match="holds a committee, expected one potential"):
        read_model(folder)
    change(folder, members=["member_0", "../x"])
    with pytest.raises(NetworkError, match="members: expected names of folders beside it"):
        read_members(folder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": "other"}, 'expected a JSON object with "format": "panna_exp potential"'),
        ({"precision": "eval"}, "the file is damaged"),
        ({"energy_rescale": 0}, "the file is damaged"),
        ({"energy_rescale": "2"}, "the file is damaged"),
    ],
)
def test_damage_is_named(model_folder, values, message):
    change(model_folder, **values)
    with pytest.raises(NetworkError, match=message):
        read_model(model_folder)


def test_a_folder_that_is_none_or_not_json(model_folder):
    with pytest.raises(NetworkError, match="no such file: expected a model's folder"):
        read_model(model_folder.parent)
    (model_folder / "SHA256SUMS").unlink()
    (model_folder / FACTS).write_text("{")
    with pytest.raises(NetworkError, match="is not JSON"):
        read_model(model_folder)


def test_networks_without_their_descriptor_are_refused(model_folder):
    path = model_folder / "networks_metadata.json"
    values = json.loads(path.read_text())
    for key in ("gvect_params", "generation", "descriptor"):
        del values[key]
    (model_folder / "SHA256SUMS").unlink()
    path.write_text(json.dumps(values))
    with pytest.raises(NetworkError, match="does not say which descriptor"):
        read_model(model_folder)


def test_every_changed_file_is_noticed(model_folder):
    listed = read_sums(model_folder)
    assert set(listed) == {path.name for path in model_folder.iterdir()} - {"SHA256SUMS"}
    for name in listed:
        path = model_folder / name
        content = path.read_bytes()
        for bit in range(0, 8 * len(content), max(1, len(content) // 5)):
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << (bit % 8)
            path.write_bytes(changed)
            with pytest.raises(NetworkError, match=f"{name}: is damaged: its checksum"):
                read_model(model_folder)
        path.write_bytes(content)
    read_model(model_folder)
