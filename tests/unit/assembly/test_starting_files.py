"""Weights, layers, masks and checkpoints that a training starts from are recorded."""

import json
from pathlib import Path

import pytest

from panna_exp.assembly.starting_files import recorded_files, starting_files
from panna_exp.config.schema import DataConfig, IoConfig, NetworkConfig, RestartMode, TrainConfig


@pytest.fixture
def folder(tmp_path):
    names = ("networks_metadata.json", "H_l0_w.npy", "H_l0_b.npy", "notes.txt")
    for name in (*(f"w/{name}" for name in names), "w.npy", "b.npy", "m/H_l0_mask.npy", "c.pt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def found(folder, network, io=None):
    config = TrainConfig(
        data=DataConfig(train="x", species=["H"]),
        network=NetworkConfig(**network),
        io=io or IoConfig(),
    )
    files = starting_files(config, folder)
    assert all(len(item["sha256"]) == 64 for item in files)
    return [str(Path(item["path"]).relative_to(folder)) for item in files]


@pytest.mark.parametrize("name", ["w", "w/networks_metadata.json"])
def test_a_weights_folder(folder, name):
    expected = ["w/networks_metadata.json", "w/H_l0_b.npy", "w/H_l0_w.npy"]
    assert found(folder, {"networks_metadata": name}) == expected


def test_layers_and_masks_of_a_species(folder):
    own = {"layer_files": {0: ["w.npy", "b.npy"]}, "starting_masks": "m", "pruning_weights": "m"}
    assert found(folder, {"species": {"H": own}}) == ["w.npy", "b.npy", "m/H_l0_mask.npy"]


def test_a_checkpoint(folder):
    io = IoConfig(restart_mode=RestartMode.specific_ckpt, restart_checkpoint=str(folder / "c"))
    assert found(folder, {}, io) == ["c.pt"]


def test_new_networks_start_from_no_file(folder):
    assert found(folder, {}) == []


def test_what_the_first_session_recorded(tmp_path):
    path = tmp_path / "environment.json"
    assert recorded_files(path) is None
    for text, expected in (("{", None), ("[]", None), ("{}", None)):
        path.write_text(text)
        assert recorded_files(path) == expected
    path.write_text(json.dumps({"starting_files": [{"path": "a"}]}))
    assert recorded_files(path) == [{"path": "a"}]
