"""Repeating runs from their records."""

import json
import shutil
from pathlib import Path

import h5py
import pytest

import panna_exp

DATA = Path(panna_exp.__file__).parent / "datasets/tutorial_train.h5"
SHORT = ("tracking=none", "network.architecture=[8,1]", "training.steps_per_epoch=10")


@pytest.fixture(scope="module")
def trained(shared_program):
    """A run that was stopped and continued, on data of the user's."""
    shutil.copy(DATA, shared_program.folder / "mine.h5")
    options = (*SHORT, "data.train=mine.h5", "io.train_dir=run")
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
    mine = trained.folder / "mine.h5"
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
    finally:
        mine.write_bytes(before)


def test_what_cannot_be_repeated_is_refused(trained, tmp_path):
    (trained.folder / "empty").mkdir()
    assert "is no run directory" in trained.run("rerun", "empty", code=2).stderr
    run = trained.folder / "unfinished"
    shutil.copytree(trained.folder / "run", run)
    (run / "result.json").unlink()
    assert "the run is not finished" in trained.run("rerun", "unfinished", code=2).stderr
    done = trained.run("rerun", "run", "--to", "run", code=2)
    assert "is not empty" in done.stderr
