"""Sweeps as a user runs them: folders, summaries, failures, what was cut off, launchers."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

SMALL = (
    *("network.architecture=[8,1]", "training.steps_per_epoch=20", "training.batch_size=20"),
    *("training.max_epochs=2", "io.save_checkpoint_steps=10"),
)
RATES = "training.learning_rate=1e-1,1e-2,1e-3"

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's imports warn of its dependencies


def table(folder):
    """What the summary says, less where it is."""
    results = json.loads((folder / "summary.json").read_text())
    return [(item["overrides"][-1], item["status"], item["metrics"]) for item in results]


def jobs(folder):
    return sorted(path.parent.name for path in folder.glob("*/job.json"))


def mlflow_runs(folder):
    store = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    (experiment,) = [e for e in store.search_experiments() if e.name == "panna_exp"]
    runs = store.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    return store, parents, [run for run in runs if run not in parents]


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_sweep_in_mlflow_is_one_parent_with_the_summary(program, tmp_path):
    done = program.run("train", "-m", *SMALL, RATES, "sweep.dir=s", "tracking.log_model=false")
    folder = tmp_path / "s"
    assert jobs(folder) == [
        f"{n}_training.learning_rate={rate}" for n, rate in enumerate(("0.1", "0.01", "0.001"))
    ]
    store, (parent,), children = mlflow_runs(tmp_path)
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == "sweep training.learning_rate=1e-1,1e-2,1e-3"
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    # What tells them apart is seen in a narrow column.
    assert {run.info.run_name.split(" 8-1 ")[0] for run in children} == {
        f"learning_rate={rate}" for rate in ("0.1", "0.01", "0.001")
    }
    names = {item.path for item in store.list_artifacts(parent.info.run_id)}
    assert names == {"summary.json", "summary.txt", "sweep.png"}
    best = min(values["validation/loss"] for _, _, values in table(folder))
    assert parent.data.metrics["best/validation/loss"] == best
    command = "train 'network.architecture=[8,1]' training.steps_per_epoch=20"
    assert command in (folder / "summary.txt").read_text()
    assert command in done.stdout
    assert done.stderr.count("sweep in s") == 1


def test_the_same_command_again_runs_only_what_is_left(program, tmp_path):
    options = ("train", "-m", *SMALL, "tracking=none", "sweep.dir=s")
    program.run(*options, "training.learning_rate=1e-2,1e-3")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "s").glob("*/result.json")}
    # Numbered otherwise: they are known by their configuration.
    done = program.run(*options, "training.learning_rate=1e-1,1e-2,1e-3", "sweep.metric=train/loss")
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "s").glob("*/result.json")}
    assert len(after) == 3
    assert before.items() <= after.items()
    assert done.stderr.count("finished before: s/") == 2
    assert "train loss" in done.stdout
    # Another configuration never continues in a folder of the same name.
    program.run(*options, "training.learning_rate=1e-2,1e-3", "data.validation_fraction=0.5")
    assert len(jobs(tmp_path / "s")) == 5
    assert "1_training.learning_rate=0.001_2" in jobs(tmp_path / "s")


def test_a_job_that_fails_is_named_and_the_others_go_on(program, tmp_path):
    sizes = "training.batch_size=20,-5,40"
    options = ("train", "-m", *SMALL[:2], "training.max_epochs=1", "tracking=none", sizes)
    done = program.run(*options, "sweep.dir=on", code=2)
    named = "error: job network.architecture=[8,1] training.steps_per_epoch=20 "
    assert named in done.stderr
    assert "training.batch_size=-5 must be > 0" in done.stderr
    assert "Traceback" not in done.stderr
    assert [status for _, status, _ in table_of_states(tmp_path / "on")] == [
        *("FINISHED", "FINISHED", "FAILED")
    ]
    done = program.run(*options, "sweep.dir=fast", "sweep.fail_fast=true", code=2)
    assert "not begun, since job" in done.stderr
    assert [status for _, status, _ in table_of_states(tmp_path / "fast")] == ["FINISHED", "FAILED"]


def table_of_states(folder):
    results = json.loads((folder / "summary.json").read_text())
    return [(item["overrides"], item["status"], item["metric"]) for item in results]


def test_mistakes_are_found_before_anything_is_recorded(program, tmp_path):
    done = program.run("train", "-m", *SMALL, "training.learning_rat=1,2", code=2)
    assert "did you mean 'training.learning_rate'" in done.stderr
    assert not (tmp_path / "mlflow.db").exists()
    done = program.run("train", "-m", *SMALL, "seed=0,1", "sweep.metric=train/enrgy_mae", code=2)
    assert done.stderr.splitlines() == [
        "error: sweep.metric=train/enrgy_mae: expected one of validation/energy_mae, "
        "validation/energy_rmse, validation/loss, validation/force_mae, validation/force_rmse, "
        "train/energy_mae, train/energy_rmse, train/loss, train/force_mae, train/force_rmse, "
        "did you mean 'train/energy_mae'? (docs/how-to/sweeps.md)"
    ]
    assert not (tmp_path / "mlflow.db").exists()
    done = program.run(
        "train", *SMALL, "sweep.metric=validation/energy_mea", "tracking=none", code=2
    )
    assert "did you mean 'validation/energy_mae'" in done.stderr
    done = program.run("train", *SMALL, "sweep.metric=train/force_mae", "tracking=none", code=2)
    assert "needs training.forces_cost > 0" in done.stderr


def test_two_sweeps_in_one_folder_are_refused(program, tmp_path):
    options = ("train", "-m", *SMALL, RATES, "sweep.dir=s", "tracking=none")
    process = program.start(*options, "training.max_epochs=1000")
    try:
        wait_for(lambda: list((tmp_path / "s").glob("*/metrics.dat")))
        done = program.run(*options, code=2)
        assert "s: another sweep runs in this directory" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "threads=1")


@pytest.mark.parametrize(
    ("number", "code", "launcher"),
    [(signal.SIGINT, 130, ()), (signal.SIGUSR1, 75, JOBLIB)],
    ids=["Ctrl-C", "a queue, all processes"],
)
def test_a_signal_ends_a_sweep_that_says_how_to_go_on(program, tmp_path, number, code, launcher):
    options = ("train", "-m", *SMALL, RATES, "sweep.dir=s", "tracking=none", *launcher)
    process = program.start(*options, "training.max_epochs=10000", group=True)
    wait_for(lambda: list((tmp_path / "s").glob("*/_models/*.pt")))
    os.killpg(process.pid, number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
    assert f"stopped (got {number.name}): a checkpoint is saved" in output
    assert "to run what is left: python -m panna_exp train -m" in output
    assert "Traceback" not in output
    assert not list((tmp_path / "s").glob(".working_*"))


@pytest.mark.parametrize(
    "launcher",
    [
        ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
        pytest.param(
            ("hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_jobs_beside_one_another_fail_and_end_like_jobs_in_turn(program, tmp_path, launcher):
    sizes = "training.batch_size=20,-5,40"
    options = ("train", "-m", *SMALL[:2], "training.max_epochs=1", "tracking=none", "sweep.dir=s")
    done = program.run(*options, *launcher, sizes, code=2)
    named = [line for line in done.stderr.splitlines() if line.startswith("error: job ")]
    assert len(named) == 1
    assert named[0].endswith("training.batch_size=-5: training.batch_size=-5 must be > 0")
    folder = tmp_path / "s"
    reason = "training.batch_size=-5 failed: training.batch_size=-5 must be > 0\n"
    assert reason in done.stdout
    assert reason in (folder / "summary.txt").read_text()
    states = table_of_states(folder)
    assert [status for _, status, _ in states] == ["FINISHED", "FINISHED", "FAILED"]
    (failed,) = [path for path in folder.glob("*/result.json") if "FAILED" in path.read_text()]
    assert "training.batch_size=-5 must be > 0" in failed.read_text()
    again = program.run(*options, "training.batch_size=20,40")
    assert again.stderr.count("finished before: s/") == 2
    program.run("train", *SMALL[:2], "training.max_epochs=1", "tracking=none", "io.train_dir=one")
    (twin,) = folder.glob("*_training.batch_size=20")
    program.assert_identical(tmp_path / "one", twin)


def check_parallel_points(program, tmp_path, jobs, points):
    """Jobs that run at the same time log each step: all of it is in the store."""
    seeds = ",".join(str(number) for number in range(jobs))
    program.run(
        *("train", "-m", "hydra/launcher=joblib", f"hydra.launcher.n_jobs={jobs}"),
        *("network.architecture=[4,1]", f"training.steps_per_epoch={points}", f"seed={seeds}"),
        *("training.max_epochs=1", "io.log_frequency=1", "tracking.log_model=false", "threads=1"),
        *("training.batch_size=2", "tracking.weight_figures=false", "tracking.wait_seconds=200"),
    )
    store, (parent,), children = mlflow_runs(tmp_path)
    assert parent.info.status == "FINISHED"
    assert len(children) == jobs
    for run in children:
        names = {name for name in run.data.metrics if name.startswith("train/")}
        assert {"train/loss", "train/energy_mae"} <= names
        for name in names:
            history = store.get_metric_history(run.info.run_id, name)
            assert sorted(point.step for point in history) == list(range(1, points + 1)), name


@pytest.mark.slow
def test_no_point_of_parallel_jobs_is_lost(program, tmp_path):
    check_parallel_points(program, tmp_path, jobs=2, points=100)


@pytest.mark.slow
def test_eight_jobs_of_a_thousand_points_on_sqlite(program, tmp_path):
    check_parallel_points(program, tmp_path, jobs=8, points=1000)


EPOCHS = "training.max_epochs=20"


def kills(program, folder, launcher, rounds, uninterrupted, seed):
    """Kills a sweep at random moments until its restart has nothing left to kill it in."""
    moments = random.Random(seed)
    options = (
        "train",
        "-m",
        *SMALL,
        EPOCHS,
        RATES,
        "tracking=none",
        *launcher,
        f"sweep.dir={folder}",
    )
    path = program.folder / folder
    finished: dict[Path, int] = {}
    for _ in range(rounds):
        process = program.start(*options)
        deadline = time.monotonic() + moments.uniform(1.0, uninterrupted)
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        output, _ = process.communicate(timeout=90)  # which jobs in their own processes hold open
        for result in path.glob("*/result.json"):
            if json.loads(result.read_text())["status"] == "FINISHED":
                finished.setdefault(result, result.stat().st_mtime_ns)
            else:  # a process of joblib's whose sweep was gone: the restart trains it
                print(result.read_text(), output)
    program.run(*options)
    for result, at in finished.items():
        assert result.stat().st_mtime_ns == at, f"{result}: the job ran twice to the end"
    for file in path.glob("*/metrics.dat"):
        epochs = [int(line.split()[0]) for line in file.read_text().splitlines()[1:]]
        assert epochs == list(range(20)), file
    return path


@pytest.fixture(scope="module")
def uninterrupted(shared_program):
    """The table of a sweep that nobody killed, and the seconds it took."""
    start = time.monotonic()
    shared_program.run("train", "-m", *SMALL, EPOCHS, RATES, "tracking=none", "sweep.dir=whole")
    return table(shared_program.folder / "whole"), time.monotonic() - start


def strip(rows):
    """Without the place of a sweep, which is its last override."""
    return [(status, values) for _, status, values in rows]


@pytest.mark.slow
def test_a_sweep_killed_at_random_moments_ends_with_the_same_table(shared_program, uninterrupted):
    expected, seconds = uninterrupted
    folder = kills(shared_program, "killed", (), 2, seconds, seed=1)
    assert strip(table(folder)) == strip(expected)
    assert len(jobs(folder)) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "rounds"),
    [((), 10), (("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"), 4)],
)
def test_many_kills_and_the_same_table(shared_program, uninterrupted, launcher, rounds):
    expected, seconds = uninterrupted
    for number in range(rounds):
        name = f"killed_{len(launcher)}_{number}"
        folder = kills(shared_program, name, launcher, 1, seconds, seed=number)
        assert strip(table(folder)) == strip(expected)
        assert len(jobs(folder)) == 3
