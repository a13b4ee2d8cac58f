"""Repeating runs from their records."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import panna_exp
from panna_exp.assembly.descriptor import parameters
from panna_exp.config.schema import DescriptorConfig
from panna_exp.elements import Species

DATA = Path(panna_exp.__file__).parent / "datasets/tutorial_train.h5"
SHORT = ("tracking=none", "network.architecture=[8,1]", "training.steps_per_epoch=10")


@pytest.fixture(scope="module")
def trained(shared_program):
    """A run that was stopped and continued, on data and from weights of the user's."""
    folder = shared_program.folder
    (folder / "set").mkdir()
    shutil.copy(DATA, folder / "set/mine.h5")
    size = parameters(DescriptorConfig(), Species(("H", "C", "O", "N")), None).size
    np.save(folder / "w.npy", np.full((size, 8), 0.01))
    np.save(folder / "b.npy", np.zeros(8))
    layers = "network.species.H.layer_files={0:[w.npy,b.npy]}"
    options = (*SHORT, "data.train=set", "data.kind=hdf5", layers, "io.train_dir=run")
    shared_program.run("train", *options, "training.max_epochs=1")
    shared_program.run("train", *options, "training.max_epochs=3")
    return shared_program


def test_a_run_is_repeated_from_anywhere(trained, tmp_path):
    run = trained.folder / "run"
    other = type(trained)(tmp_path)
    done = other.run("rerun", str(run))
    assert "identical, all" in done.stdout
    assert "bit for bit" in done.stdout
    assert (trained.folder / "run_rerun_1/result.json").exists()


def test_differences_are_measured(trained):
    run = trained.folder / "seeded"
    shutil.copytree(trained.folder / "run", run)
    for path in (run / "_models").glob("*.pt"):
        if not path.stem.endswith("_30"):
            path.unlink()
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("learning_rate: 0.01", "learning_rate: 0.02"))
    done = trained.run("rerun", "seeded", code=2)
    assert "training.learning_rate was 0.01 up to epoch_3_step_30, then 0.02" in done.stderr
    (run / "config.yaml").write_text(config)
    (run / "metrics.dat").write_text("epoch\n")
    done = trained.run("rerun", "seeded", "--to", "elsewhere", code=1)
    assert "NOT identical" in done.stdout
    assert "0 of" in done.stdout


def test_changed_data_and_versions_are_named(trained):
    run = trained.folder / "old"
    shutil.copytree(trained.folder / "run", run)
    record = json.loads((run / "environment.json").read_text())
    record["packages"]["numpy"] = "1.0"
    (run / "environment.json").write_text(json.dumps(record))
    mine = trained.folder / "set/mine.h5"
    before = mine.read_bytes()
    try:
        with h5py.File(mine, "r+") as file:
            file["energy"][0] += 0.5
        done = trained.run("rerun", "old", code=2)
        assert "mine.h5: has changed since the run (--force repeats" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        done = trained.run("rerun", "old", "--force", code=1)
        assert "note: numpy: 1.0 then" in done.stdout
        assert "NOT identical" in done.stdout
        assert "mine.h5].sha256: " in done.stdout
    finally:
        mine.write_bytes(before)


def test_new_data_and_other_starting_weights_are_named(trained):
    new, weights = trained.folder / "set/new.h5", trained.folder / "w.npy"
    before = weights.read_bytes()
    try:
        shutil.copy(DATA, new)
        np.save(weights, np.load(weights) + 1)
        done = trained.run("rerun", "run", code=2)
        assert "w.npy: has changed since the run (--force" in done.stderr
        assert "set/new.h5: is new, the run did not read it (data.train) (--force" in done.stderr
        assert len(done.stderr.splitlines()) == 2
    finally:
        weights.write_bytes(before)
        new.unlink()


def test_what_cannot_be_repeated_is_refused(trained, tmp_path):
    (trained.folder / "empty").mkdir()
    assert "is not a run directory" in trained.run("rerun", "empty", code=2).stderr
    run = trained.folder / "unfinished"
    shutil.copytree(trained.folder / "run", run)
    (run / "result.json").unlink()
    assert "the run is not finished" in trained.run("rerun", "unfinished", code=2).stderr
    for name, change, message in (
        ("bare", lambda run: (run / "environment.json").write_text("{}"), "expected launch_dir"),
        ("light", lambda run: shutil.rmtree(run / "_models"), "has no checkpoints in _models"),
        ("short", lambda run: (run / "metrics.dat").unlink(), "has no metrics.dat"),
    ):
        shutil.copytree(trained.folder / "run", trained.folder / name)
        change(trained.folder / name)
        done = trained.run("rerun", name, code=2)
        assert message in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not (trained.folder / f"{name}_rerun_1").exists()
    done = trained.run("rerun", "run", "--to", "run", code=2)
    assert "is not empty" in done.stderr
