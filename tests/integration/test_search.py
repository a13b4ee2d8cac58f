"""hydra/sweeper=optuna as a user runs it: choices, pruning, what was cut off, mistakes."""

import json
import os
import signal

import pytest
from mlflow import MlflowClient

SMALL = (
    *("train", "-m", "hydra/sweeper=optuna", "network.architecture=[8,1]", "sweep.trials=7"),
    *("training.steps_per_epoch=20", "training.max_epochs=8", "io.save_checkpoint_steps=20"),
    *("sweep.prune_after_trials=2", "sweep.prune_after_epochs=2", "training.batch_size=10,20"),
    "training.learning_rate=tag(log,interval(1e-4,1e-1))",
)

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's imports warn of its dependencies


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def table(folder):
    """What the jobs were and ended with, by their numbers."""
    rows = [(item["overrides"][-1], item["status"], item["metrics"]) for item in summary(folder)]
    return sorted(rows, key=lambda row: row[0])


@pytest.fixture(scope="module")
def searched(shared_program):
    done = shared_program.run(*SMALL, "sweep.dir=s", "tracking.log_model=false")
    return shared_program.folder, done


def check_runs_in_mlflow(folder):
    """The jobs are nested under their search, those that it stopped are marked."""
    store = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    (experiment,) = [e for e in store.search_experiments() if e.name == "panna_exp"]
    runs = store.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run is not parent]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    pruned = [run for run in children if run.data.metrics.get("pruned") == 1.0]
    expected = [item for item in summary(folder / "s") if item["status"] == "PRUNED"]
    assert len(pruned) == len(expected)
    assert {run.info.status for run in pruned} == {"KILLED"}
    assert {run.info.status for run in children if run not in pruned} == {"FINISHED"}


def test_a_search_ends_with_the_best_and_stops_the_hopeless(searched, shared_program):
    folder, done = searched
    results = summary(folder / "s")
    states = [item["status"] for item in results]
    assert len(results) == 7
    assert states == ["FINISHED"] * states.count("FINISHED") + ["PRUNED"] * states.count("PRUNED")
    assert states.count("PRUNED") >= 1
    finished = [item["metric"] for item in results if item["status"] == "FINISHED"]
    assert finished == sorted(finished)
    for item in results:
        if item["status"] == "PRUNED":
            assert item["step"] in range(2 * 20, 160, 20)  # an epoch's end
            said = f"stopped after step {item['step']}: the best validation/loss so far is "
            assert said in done.stderr
    command = next(line for line in done.stdout.splitlines() if line.startswith("its command: "))
    assert "sweep." not in command
    assert "training.learning_rate=" in command
    rates = {item["overrides"][-2] for item in results}
    assert len(rates) == 7
    check_runs_in_mlflow(folder)
    changed = (*SMALL[:-1], "training.learning_rate=interval(1e-3,1e-1)")
    done = shared_program.run(*changed, "sweep.dir=s", "tracking=none", code=2)
    assert "s: holds a search with another space" in done.stderr


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_to_the_same_end(searched, program, tmp_path):
    process = program.start(*SMALL, "sweep.dir=s", "tracking=none")
    while len(list((tmp_path / "s").glob("*/_models/*.pt"))) < 12:
        assert process.poll() is None, process.communicate()[0]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done = program.run(*SMALL, "sweep.dir=s", "tracking=none")
    assert table(tmp_path / "s") == table(searched[0] / "s")
    assert "finished before" not in done.stderr  # those are not even launched
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "s").glob("*/result.json")}
    program.run(*SMALL, "sweep.dir=s", "tracking=none", "sweep.trials=8")
    assert len(summary(tmp_path / "s")) == 8
    for path, written in before.items():
        assert path.stat().st_mtime_ns == written


@pytest.mark.slow
def test_parallel_jobs_of_a_search(program, tmp_path):
    parallel = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "sweep.parallel=2")
    program.run(*SMALL, *parallel, "sweep.trials=4", "sweep.dir=s", "tracking=none")
    assert [row[0] for row in table(tmp_path / "s")] == [f"sweep.trial={n}" for n in range(4)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("training.learning_rate=0.1",), "nothing to choose: give intervals or choices"),
        (
            ("training.learning_rate=interval(1e-1,1e-2)",),
            "training.learning_rate=interval(1e-1,1e-2): `low <= high` must hold",
        ),
        (
            ("training.learning_rat=interval(1e-2,1e-1)",),
            "training.learning_rat: no such key, did you mean 'training.learning_rate'?",
        ),
        (("seed=1,2", "sweep.trials=0"), "sweep.trials must be > 0, found 0"),
    ],
)
def test_mistakes(program, arguments, message):
    search = ("train", "-m", "hydra/sweeper=optuna", "tracking=none")
    done = program.run(*search, *arguments, code=2)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(program.folder.iterdir())


def test_an_interval_needs_the_search(program):
    done = program.run("train", "-m", "training.learning_rate=interval(1e-2,1e-1)", code=2)
    assert "an interval needs hydra/sweeper=optuna" in done.stderr
    assert not list(program.folder.iterdir())
