"""Trainings of every kind, killed at random moments, end as if they had never been.

``PANNA_EXP_KILLS`` says how many kills there are in all.
"""

import os
import random
import time
from collections import Counter
from itertools import count

import numpy as np
import pytest
from mlflow import MlflowClient

from panna_exp.training import checkpoint as checkpoints

KILLS = int(os.environ.get("PANNA_EXP_KILLS", "84"))
PER_RUN = 4  # kills, before a run may go on to its end
OPTIONS = (
    *("train", "network.architecture=[8,1]", "training.steps_per_epoch=30"),
    *("training.batch_size=10", "training.max_epochs=5", "io.save_checkpoint_steps=11"),
    *("io.log_frequency=4", "tracking.weight_figures=false", "tracking.log_model=false"),
)
KINDS = {
    "energies": ("tracking=none", "io.delta_e=true"),
    "forces": ("tracking=none", "training=forces", "training.max_epochs=2"),
    "averages": ("tracking=none", "training.ema_decay=0.9", "training.warmup_steps=20"),
    "committee": ("tracking=none", "training.seeds=[1,2]"),
    "streaming": ("tracking=none", "data.streaming=true", "data.window_mb=1"),
    "mlflow": ("tracking=both",),
    "sweep": ("-m", "seed=1,2", "tracking=mlflow"),
}
TRACKED = ("mlflow", "sweep")
_LOCKS = (".lock", ".tracking.lock", ".jobs.lock")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def place(kind, name):
    return f"sweep.dir={name}" if kind == "sweep" else f"io.train_dir={name}"


def trainings(folder):
    """The run directories in a folder, by their paths in it."""
    found = sorted(path.parent for path in folder.rglob("_models"))
    return {str(path.relative_to(folder)): path for path in found}


def is_same(first, second):
    one, other = checkpoints.load(first), checkpoints.load(second)
    same = [a.identical(b) for a, b in zip(one.networks, other.networks, strict=True)]
    same += [a.identical(b) for a, b in zip(one.averaged, other.averaged, strict=True)]
    return all(same) and one.position == other.position


def assert_same(whole, part):
    expected, found = trainings(whole), trainings(part)
    assert list(found) == list(expected)
    for name, path in found.items():
        for which in ("last", "best"):
            (one,) = checkpoints.find_checkpoints(expected[name], which)
            (other,) = checkpoints.find_checkpoints(path, which)
            assert is_same(one, other), f"{other}: is another one than {one}"
        for file in ("metrics.dat", "delta_e.dat", "delta_e_steps.dat"):
            if (expected[name] / file).exists():
                assert (path / file).read_text() == (expected[name] / file).read_text(), file
    left = [path for path in part.rglob(".*") if path.name not in _LOCKS]
    assert left == []


def points(program, folder):
    """By run directory, how often MLflow has each value of each metric but speeds."""
    client = MlflowClient(f"sqlite:///{program.folder}/mlflow.db")
    experiment = client.get_experiment_by_name("panna_exp")
    found = {}
    for run in client.search_runs([experiment.experiment_id]):
        run_dir = run.data.tags["run_dir"]
        name = os.path.relpath(run_dir, folder)
        if name.startswith("..") or (name == "." and not (folder / "_models").exists()):
            continue  # of another one, or the sweep that the runs are nested under
        assert run.info.status == "FINISHED", run_dir
        found[name] = Counter(
            (key, point.step, point.value)
            for key in run.data.metrics
            if "second" not in key
            for point in client.get_metric_history(run.info.run_id, key)
        )
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_killed_again_and_again(program, tmp_path, kind):
    seed = list(KINDS).index(kind)
    random.seed(seed)
    options = (*OPTIONS, *KINDS[kind])
    program.run(*options, place(kind, "whole"))
    started = time.monotonic()
    program.run(*options, place(kind, "again"))
    seconds = time.monotonic() - started
    assert_same(tmp_path / "whole", tmp_path / "again")
    expected = points(program, tmp_path / "whole") if kind in TRACKED else {}
    quota, killed = -(-KILLS // len(KINDS)), 0
    for number in count():
        name = f"part{number}"
        for _ in range(PER_RUN):
            if not program.kill(random.uniform(0.15, seconds), *options, place(kind, name)):
                break
            killed += 1
        program.run(*options, place(kind, name))
        assert_same(tmp_path / "whole", tmp_path / name)
        if kind in TRACKED:
            for path in trainings(tmp_path / name).values():
                program.run("sync", str(path))
            found = points(program, tmp_path / name)
            assert found == expected
            assert all(np.fromiter(each.values(), int).max() == 1 for each in found.values())
        if killed >= quota:
            return
        assert number < 5 * quota, f"only {killed} kills"
