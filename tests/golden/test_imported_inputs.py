"""PANNA's own inputs through import-ini and train: trajectories, origins of layers, files."""

import json
import os
import re
import shutil

import numpy as np
import pytest

from panna_exp.networks.panna import read_panna
from panna_exp.panna_ini.importer import import_files
from panna_exp.training import checkpoint as checkpoints

FROM_SAVED = """[IO_INFORMATION]
data_dir = ./data
train_dir = ./run
[DATA_INFORMATION]
atomic_sequence = H, C, O, N
[TRAINING_PARAMETERS]
batch_size = 20
learning_rate = 0.001
max_steps = 60
[DEFAULT_NETWORK]
networks_metadata = saved_weights
{default}
{species}
"""
OTHER = "[H]\narchitecture = 128:16:1\nbehavior = keep:new:new"
EXACT = ("precision=float64", "training.shuffle=false", "tracking=none", "io.log_frequency=1")


@pytest.mark.slow
def test_train_unittest1(shared, program, tmp_path):
    case = shared / "reference/train_unittest1_a"
    program.run("import-ini", str(case / "train.ini"), "--base", str(case))
    program.run("train", "experiment=train", "io.train_dir=r", *EXACT)
    expected = json.loads((case / "case.json").read_text())
    first = [float(word) for word in (tmp_path / "r/delta_e.dat").read_text().split()[:2]]
    tolerance = expected["tolerance"]["first_delta_e_atol"]
    np.testing.assert_allclose(
        sorted(first), expected["first_delta_e_ref64"], rtol=0, atol=tolerance
    )
    header, *lines = (tmp_path / "r/metrics.dat").read_text().splitlines()
    loss = header.split().index("loss")
    epochs = [float(line.split()[loss]) for line in lines]
    assert epochs[2] < 1e-6  # after 200 steps
    frozen = checkpoints.load(checkpoints.list_checkpoints(tmp_path / "r/_models")[-1])
    networks = {network.symbol: network for network in frozen.networks}
    saved = read_panna(shared / "reference/eval_unittest1_a/saved_networks").networks["H"]
    same = [
        np.array_equal(new.weights, old.weights.astype(float))
        for new, old in zip(networks["H"].layers, saved.layers, strict=True)
    ]
    assert same == [False, False, True, True]  # trainable = 1:1:0:0


@pytest.fixture
def second(shared, tmp_path):
    """The folder in which the tutorial's second training runs."""
    os.symlink(shared / "reference/eval_tutorial_a/saved_weights", tmp_path / "saved_weights")
    (tmp_path / "tutorial_data").mkdir()
    os.symlink(shared / "data/panna_tutorial/train", tmp_path / "tutorial_data/train")
    return tmp_path


def test_restart_train2(shared, program, second, monkeypatch):
    case = shared / "reference/restart_train2_a"
    program.run("panna-train", "-c", str(case / "train2.ini"))
    run = second / "tutorial_train_2"
    last = checkpoints.load(checkpoints.list_checkpoints(run / "_models")[-1])
    assert last.position.step == 1000
    trained = {network.symbol: network for network in last.networks}
    saved = read_panna(second / "saved_weights").networks
    started = initial_networks(second, case, monkeypatch)
    for layer in json.loads((case / "case.json").read_text())["layers"]:
        symbol, number = layer["species"], layer["layer"]
        first = started[symbol].layers[number]
        assert list(first.weights.shape) == layer["shape"]
        origins = [
            f"{name}{index}"
            for name, network in saved.items()
            for index, old in enumerate(network.layers)
            if np.array_equal(old.weights, first.weights)
        ]
        assert origins == layer["initial_equals_saved"], (symbol, number)
        if layer["new_init"] is not None:
            limit = layer["new_init"]["limit_1_over_nout"]
            assert np.abs(first.weights).max() <= limit
            assert not first.biases.any()
            spread = first.weights.std() / limit
            assert spread == pytest.approx(
                1 / 3**0.5, abs=0.15 if first.weights.size < 100 else 0.02
            )
        changed = not np.array_equal(trained[symbol].layers[number].weights, first.weights)
        assert changed == layer["changed_after_1000_steps"], (symbol, number)
    ours = json.loads((run / "networks_metadata.json").read_text())
    theirs = json.loads((case / "networks_metadata.json.written_in_train_dir").read_text())
    assert {key: ours[key] for key in theirs} == theirs


@pytest.mark.parametrize(
    ("default", "species", "moved"),
    [
        ("", "", {"H": (False, True, True), "C": (True,) * 3}),
        ("trainable = 1:1:1", "", {"H": (False, True, True), "C": (True,) * 3}),
        ("trainable = 0:0:0", "", {"H": (False, True, True), "C": (True,) * 3}),
        ("", "[H]\ntrainable = 1:1:0", {"H": (True, True, False), "C": (True,) * 3}),
        ("", "[H]\nbehavior = keep:new:new", {"H": (False, True, True), "C": (True,) * 3}),
        ("", OTHER, {"H": (True,) * 3}),
        ("trainable = 0:0:0\nactivations = 3:3:0", OTHER, {"H": (True,) * 3}),
    ],
    ids=["nothing", "default", "default frozen", "own", "no own", "structure", "structure only"],
)
def test_layers_that_the_saved_networks_freeze(shared, program, tmp_path, default, species, moved):
    """As PANNA 1.x: flags of the metadata come before the default's, a species' own before all."""
    shutil.copytree(shared / "reference/eval_tutorial_a/saved_weights", tmp_path / "saved_weights")
    metadata = tmp_path / "saved_weights/networks_metadata.json"
    content = json.loads(metadata.read_text())
    content["networks_layers_trainable"][0] = [False, True, True]
    metadata.write_text(json.dumps(content))
    os.symlink(shared / "reference/eval_tutorial_a/data", tmp_path / "data")
    (tmp_path / "train.ini").write_text(FROM_SAVED.format(default=default, species=species))
    done = program.run("panna-train", "-c", "train.ini")
    frozen = not all(moved["H"]) and not moved["H"][0]
    assert ("not trained, as saved_weights says: H, layer 0 (" in done.stderr) == frozen
    saved = read_panna(tmp_path / "saved_weights").networks
    trained = {network.symbol: network for network in program.last_networks(tmp_path / "run")}
    assert [int(item) for item in trained["H"].activations] == [1, 1, 0]
    for symbol, expected in moved.items():
        assert trained[symbol].trainable == expected
        pairs = zip(saved[symbol].layers, trained[symbol].layers, strict=True)
        same = [np.array_equal(old.weights, new.weights) for old, new in pairs]
        assert same == [not flag for flag in expected]


def initial_networks(folder, case, monkeypatch):
    """What the training starts from."""
    from panna_exp.assembly.datasets import read_run_data
    from panna_exp.assembly.restart import Restart
    from panna_exp.assembly.training import initial_networks as build
    from panna_exp.panna_ini.importer import validated

    monkeypatch.chdir(folder)
    (experiment,) = import_files([str(case / "train2.ini")])
    config = validated(experiment)
    networks = build(config, read_run_data(config, folder), Restart(), folder)
    return {network.symbol: network for network in networks}


def test_the_files_of_a_first_version_run_look_like_pannas(shared, program, second):
    samples = shared / "reference/fmt_outputs_a"
    program.run("panna-train", "-c", str(samples / "ini/train1.ini"))
    run = second / "tutorial_train"
    for name, columns in (("delta_e.dat", 20), ("delta_e_std.dat", 3)):
        lines = (run / name).read_text().splitlines()
        assert len(lines) == 10
        for line in lines:
            assert len(line.split(" ")) == columns
            assert all(re.fullmatch(r"-?\d+\.\d{8}", word) for word in line.split(" "))
    ours = json.loads((run / "networks_metadata.json").read_text())
    theirs = json.loads((samples / "networks_metadata.json.train_dir").read_text())
    assert {key: ours[key] for key in theirs} == theirs
    assert list(run.glob("events.out.tfevents.*"))
