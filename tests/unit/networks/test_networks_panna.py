"""PANNA's network folders: written, read back, refused when damaged."""

import json
import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from panna_exp.errors import NetworkError
from panna_exp.networks import folder as folder_module
from panna_exp.networks.formats import read_networks
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.networks.metadata import read_metadata
from panna_exp.networks.network_set import NetworkSet
from panna_exp.networks.panna import (
    metadata_text,
    read_array,
    read_panna,
    training_metadata,
    write_panna,
)

RNG = np.random.default_rng(2)
KINDS = (Activation.gaussian, Activation.relu, Activation.linear)


def make_network(symbol, sizes, dtype=np.float32, offset=-13.62):
    shapes = zip((4, *sizes[:-1]), sizes, strict=True)
    layers = tuple(
        LayerData(
            RNG.normal(size=shape).astype(dtype), RNG.normal(size=shape[1]).astype(dtype), kind
        )
        for shape, kind in zip(shapes, KINDS[-len(sizes) :], strict=True)
    )
    return NetworkData(symbol, layers, offset, (False,) + (True,) * (len(sizes) - 1))


def make_set(**kwargs):
    return NetworkSet(
        networks={"O": make_network("O", (5, 3, 1)), "H": make_network("H", (2, 1))}, **kwargs
    )


def edit(folder, change):
    """Changes the metadata of a folder, which then is as PANNA writes it: without checksums."""
    (folder / "SHA256SUMS").unlink(missing_ok=True)
    path = folder / "networks_metadata.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip_changes_no_bit(tmp_path, version, dtype):
    networks = NetworkSet(
        networks={"O": make_network("O", (5, 3, 1), dtype, offset=0.1 + 0.2)},
        gvect_params={"zeta": 50.0, "Rs_rad": (0.5, 1.0)},
        descriptor_info={"type": "mBP", "generation": "B"},
    )
    paths = write_panna(networks, tmp_path / "out", version)
    assert sorted(paths) == sorted((tmp_path / "out").iterdir())
    read = read_networks(tmp_path / "out")
    assert read.format == f"panna{version}"
    assert read.generation == "B"
    assert read.gvect_params == {"zeta": 50.0, "Rs_rad": [0.5, 1.0]}
    assert read.networks["O"].identical(networks.networks["O"])


def test_2x_files_are_those_of_the_format(tmp_path):
    write_panna(make_set(), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    arrays = {f"O_l{n}_{x}.npy" for n in range(3) for x in "wb"}
    assert names == arrays | {f"H_l{n}_{x}.npy" for n in range(2) for x in "wb"} | {
        "networks_metadata.json",
        "SHA256SUMS",
    }
    data = json.loads((tmp_path / "networks_metadata.json").read_text())
    assert data["scaffold_type"] == "PANNA"
    assert data["networks_species"] == ["O", "H"]
    assert data["networks"][1] == {
        "type": "a2aff",
        "name": "H",
        "feature_size": 4,
        "layers": [2, 1],
        "activations": [3, 0],
        "offset": -13.62,
    }


def test_fortran_order_and_big_endian_files_are_read(tmp_path):
    networks = make_set()
    write_panna(networks, tmp_path)
    (tmp_path / "SHA256SUMS").unlink()  # PANNA writes none
    weights = networks.networks["O"].layers[0].weights
    np.save(tmp_path / "O_l0_w.npy", np.asfortranarray(weights.astype(">f4")))
    assert read_panna(tmp_path).identical(networks)


def test_views_are_written_in_c_order(tmp_path):
    layer = make_set().networks["H"].layers[-1]
    turned = LayerData(np.asfortranarray(RNG.normal(size=(4, 2))), np.zeros(2), Activation.rbf)
    last = LayerData(layer.weights.astype(float), layer.biases.astype(float), Activation.linear)
    networks = NetworkSet(networks={"H": NetworkData("H", (turned, last))})
    write_panna(networks, tmp_path)
    assert b"'fortran_order': False" in (tmp_path / "H_l0_w.npy").read_bytes()[:128]
    assert read_panna(tmp_path).identical(networks)


def test_unknown_keys_are_left_alone(tmp_path):
    write_panna(make_set(), tmp_path)
    edit(tmp_path, lambda data: data.update(colour="blue"))
    edit(tmp_path, lambda data: data["networks"][0].update(masks=[1]))
    assert read_panna(tmp_path).species == ("O", "H")


def test_1x_file_names_come_from_the_metadata(tmp_path):
    networks = make_set()
    write_panna(networks, tmp_path, version=1)
    (tmp_path / "SHA256SUMS").unlink()  # PANNA writes none
    (tmp_path / "species_O_layer_0_weights_4x5.npy").rename(tmp_path / "any.npy")

    def change(data):
        data["networks_files"][0][0][0] = "any.npy"

    edit(tmp_path, change)
    assert read_panna(tmp_path).identical(networks)


def test_structure_alone_is_told_apart(tmp_path):
    for version in (1, 2):
        path = tmp_path / "networks_metadata.json"
        path.write_text(metadata_text(make_set(), version, files=False))
        spec = read_metadata(tmp_path).networks[0]
        assert (spec.symbol, spec.sizes, spec.trainable) == ("O", (5, 3, 1), (False, True, True))
        assert spec.shapes() == [(4, 5), (5, 3), (3, 1)]
        with pytest.raises(NetworkError, match="structure alone"):
            read_panna(tmp_path)


def test_metadata_of_our_training_directory(tmp_path):
    networks = make_set()
    info = {"type": "unknown", "size": 4}
    data = training_metadata(tuple(networks.networks.values()), info)
    (tmp_path / "networks_metadata.json").write_text(json.dumps(data))
    read = read_metadata(tmp_path)
    assert (read.format, read.descriptor_info, read.generation) == ("panna2", info, None)
    assert [item.symbol for item in read.networks] == ["O", "H"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "H_l1_b.npy").unlink(), r"H_l1_b.npy: no such file \(biases of species H"),
        (
            lambda f: np.save(f / "H_l0_w.npy", np.zeros((4, 3), "f4")),
            r"weights of species H, layer 0 have the shape \(4, 3\), .* says \(4, 2\)",
        ),
        (
            lambda f: np.save(f / "H_l0_w.npy", np.zeros((4, 2), int)),
            "are int64, expected float32 or float64",
        ),
        (
            lambda f: np.save(f / "H_l0_w.npy", np.array([[{}]]), allow_pickle=True),
            r"H_l0_w.npy: is not a readable .npy file",
        ),
        (lambda f: (f / "H_l0_w.npy").write_bytes(b""), "is not a readable .npy file"),
        (
            lambda f: (f / "H_l0_w.npy").write_bytes((f / "O_l0_w.npy").read_bytes()[:-4]),
            "is not a readable .npy file",
        ),
        (
            lambda f: np.save(f / "H_l0_b.npy", np.array([np.inf, 0], "f4")),
            "species H, layer 0: the biases are not all finite",
        ),
    ],
)
def test_damaged_arrays_are_named(tmp_path, damage, message):
    write_panna(make_set(), tmp_path)
    (tmp_path / "SHA256SUMS").unlink()  # PANNA writes none
    damage(tmp_path)
    with pytest.raises(NetworkError, match=message):
        read_panna(tmp_path)


def test_archives_are_refused(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        np.savez(file, a=np.zeros(1))
    with pytest.raises(NetworkError, match=r"a.npy: is an archive, expected one array \(it\)"):
        read_array(tmp_path / "a.npy", (1,), "it")


def change_2(key, value):
    return lambda data: data["networks"][0].update({key: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("networks"), "the key 'networks_species' is missing|'networks_"),
        (lambda d: d["networks"][0].pop("offset"), "network of O: the key 'offset' is missing"),
        (change_2("feature_size", "4"), "feature_size is '4', expected a number"),
        (change_2("feature_size", True), "feature_size is True, expected a number"),
        (change_2("layers", [5, 0, 1]), "layer size 0 is not a positive whole number"),
        (change_2("layers", [5, 3.0, 1]), "layer size 3.0 is not"),
        (change_2("layers", []), "has no layers"),
        (change_2("layers", [5, 1]), "3 activations for 2 layers"),
        (change_2("activations", [1, 9, 0]), "network of O: unknown activation 9"),
        (change_2("offset", float("nan")), "the offset is nan, expected a finite"),
        (change_2("offset", 10**400), "the offset is 1000.*, expected a finite"),
        (change_2("type", "a2afff"), "unknown type 'a2afff'.*did you mean 'a2aff'"),
        (change_2("name", "H"), "networks_species is|names the species H twice"),
        (lambda d: d.update(networks=[]), "networks_layers_trainable has 2 entries"),
        (lambda d: d.update(networks=[1, 2]), r"networks\[0\] is 1, expected an object"),
        (lambda d: d.update(networks_species=["H", "O"]), r"\['H', 'O'\], but networks names"),
        (
            lambda d: d.update(networks_layers_trainable=[[1, 2, 0], [1, 1]]),
            "expected 3 times true or false",
        ),
        (lambda d: d.update(generation="Z"), "generation is 'Z', expected one of A, B, C"),
        (lambda d: d.update(gvect_params=[]), r"gvect_params is \[\], expected an object"),
    ],
)
def test_mistakes_in_2x_metadata_are_named(tmp_path, change, message):
    write_panna(make_set(), tmp_path)
    edit(tmp_path, change)
    with pytest.raises(NetworkError, match=message) as caught:
        read_panna(tmp_path)
    assert "networks_metadata.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("networks_offset"), "'networks_offset' is missing"),
        (lambda d: d["networks_offset"].pop(), "networks_offset has 1 entries, but networks_spe"),
        (lambda d: d["networks_files"][0].pop(), "networks_files has 2 layers, .*_size 3"),
        (lambda d: d["networks_files"][0].append(3), "networks_files has 3, expected"),
        (lambda d: d["networks_layers_size"].__setitem__(0, 5), "is 5, expected a list"),
        (lambda d: d.update(networks_species=["O", 1]), r"networks_species\[1\] is 1"),
        (lambda d: d.update(networks_species=["O", "O"]), "names the species O twice"),
        (lambda d: d["networks_files"].__setitem__(1, None), "names no files for H"),
    ],
)
def test_mistakes_in_1x_metadata_are_named(tmp_path, change, message):
    write_panna(make_set(), tmp_path, version=1)
    edit(tmp_path, change)
    with pytest.raises(NetworkError, match=message):
        read_panna(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n "a": 1,\n "b" 2}', "broken JSON in line 3, column 6"),
        ("[1]", "holds a list, expected an object"),
        ("[" * 100000, "is not JSON|broken JSON"),
        (b"\xff\xfe", "is not JSON"),
        ("", "broken JSON in line 1"),
    ],
)
def test_broken_json_is_named_with_its_line(tmp_path, text, message):
    path = tmp_path / "networks_metadata.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(NetworkError, match=message):
        read_panna(tmp_path)


def test_places_without_a_network_are_named(tmp_path):
    with pytest.raises(NetworkError, match="no such folder or file"):
        read_networks(tmp_path / "absent")
    with pytest.raises(NetworkError, match=r"neither networks_metadata.json and panna.in"):
        read_networks(tmp_path)
    with pytest.raises(NetworkError, match="no such file; a folder of PANNA networks"):
        read_panna(tmp_path)
    (tmp_path / "panna.in").write_text("")
    (tmp_path / "networks_metadata.json").write_text("")
    with pytest.raises(NetworkError, match=r"both .*: give the path of one"):
        read_networks(tmp_path)


def test_other_files_in_the_folder_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    write_panna(make_set(), tmp_path)
    second = make_set()
    write_panna(second, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert read_panna(tmp_path).identical(second)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_crash_while_replacing_never_leaves_a_mixture(tmp_path, monkeypatch):
    first, second = make_set(), make_set()
    crashes, missing = [], []
    for crash_at in range(13):
        target = tmp_path / f"out{crash_at}"
        write_panna(first, target)
        calls = iter(range(100))

        def replace_or_crash(source, destination, crash_at=crash_at, calls=calls):
            if next(calls) == crash_at:
                raise OSError(28, "No space left on device")
            os.replace(source, destination)

        monkeypatch.setattr(
            folder_module, "os", SimpleNamespace(replace=replace_or_crash, umask=os.umask)
        )
        try:
            write_panna(second, target)
        except NetworkError as error:
            crashes.append(str(error))
        monkeypatch.undo()
        try:
            read = read_panna(target)
        except NetworkError as error:
            missing.append(str(error))
        else:
            assert read.identical(first) or read.identical(second)
        assert not [path for path in target.iterdir() if path.name.startswith(".")]
    assert len(crashes) == 12
    assert all("No space left on device" in message for message in crashes)
    assert len(missing) == 12
    assert all("networks_metadata.json: no such file" in message for message in missing)


def test_a_failed_write_leaves_nothing(tmp_path):
    networks = make_set()
    networks.networks["H"].layers[0].weights[0, 0] = np.nan
    with pytest.raises(NetworkError, match="a training that diverged"):
        write_panna(networks, tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(NetworkError, match="file: is a file, expected a folder"):
        write_panna(make_set(), tmp_path / "file")
    with pytest.raises(NetworkError, match="file: is a file, expected"):
        write_panna(make_set(), tmp_path / "file" / "out")
    odd = NetworkSet(networks={"../H": replace(make_network("H", (2, 1)), symbol="../H")})
    with pytest.raises(NetworkError, match="cannot be the name of a file"):
        write_panna(odd, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_does_not_read_back_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("panna_exp.networks.panna.read_panna", lambda folder: make_set())
    with pytest.raises(NetworkError, match="out: what was written does not read back bit for bit"):
        write_panna(make_set(), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_altered_files_give_one_message_or_a_network(tmp_path):
    write_panna(make_set(gvect_params={"zeta": 50.0}), tmp_path)
    (tmp_path / "SHA256SUMS").unlink()  # PANNA writes none
    rng = np.random.default_rng(3)
    paths = [tmp_path / "networks_metadata.json", tmp_path / "O_l0_w.npy"]
    refused = []
    for path in paths:
        original = path.read_bytes()
        for _ in range(150):
            data = bytearray(original)
            for position in rng.integers(0, min(len(data), 128), 2):
                data[position] = rng.integers(0, 256)
            path.write_bytes(bytes(data[: rng.integers(1, len(data) + 1)]))
            try:
                read_panna(tmp_path)
            except NetworkError as error:
                refused.append(str(error))
        path.write_bytes(original)
    assert len(refused) > 250
    assert not [message for message in refused if "\n" in message]
