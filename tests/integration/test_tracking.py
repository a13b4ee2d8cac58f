"""Runs as MLflow and TensorBoard have them, with a real store and the real sender process."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from mlflow import MlflowClient
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

OPTIONS = (
    *("network.architecture=[8,1]", "training.steps_per_epoch=20", "io.log_frequency=1"),
    *("training.batch_size=20", "training.max_epochs=3", "io.save_checkpoint_steps=10"),
)
FIGURES = (".png", "_compositions.png")

pytestmark = pytest.mark.filterwarnings("ignore")


def client(folder):
    return MlflowClient(f"sqlite:///{folder}/mlflow.db")


def runs(folder):
    store = client(folder)
    experiment = store.get_experiment_by_name("panna_exp")
    return store.search_runs([experiment.experiment_id])


def history(folder, run_id, key):
    return sorted((m.step, m.value) for m in client(folder).get_metric_history(run_id, key))


@pytest.fixture(scope="module")
def tracked(shared_program):
    """A folder with a finished run in both trackers, continued once."""
    program = shared_program
    arguments = ("train", *OPTIONS, "io.train_dir=run", "tracking=both")
    first = program.run(*arguments)
    program.run(*arguments, "training.max_epochs=4")
    return program, first


def test_mlflow_has_the_whole_run(tracked):
    program, first = tracked
    assert "mlflow ui" in first.stdout
    (run,) = runs(program.folder)
    assert run.info.status == "FINISHED"
    assert run.info.run_name.startswith("8-1 steps_per_epoch=20 batch_size=20 max_epochs=3")
    assert run.data.params["training.batch_size"] == "20"
    assert run.data.params["network.architecture"] == "[8, 1]"
    assert len(run.data.tags["data_fingerprint"]) == 64
    told = {key: run.data.tags[key] for key in ("network", "species", "structures", "descriptor")}
    assert told["network"] == "8-1"
    assert told["species"] == "H C O N"
    assert told["structures"] == "720 + 180"
    assert told["descriptor"].startswith("mBP")
    view = client(program.folder).get_experiment(run.info.experiment_id).tags
    columns = json.loads(view["mlflow.sharedViewState.panna_exp"])["selectedColumns"]
    assert {f"tags.`{key}`" for key in told if key != "species"} <= set(columns)
    known = {f"params.`{key}`" for key in run.data.params}
    known |= {f"metrics.`{key}`" for key in run.data.metrics} | {"metrics.`result/force_mae`"}
    assert {c for c in columns if c.startswith(("params", "metrics"))} <= known
    assert "workflowType=machine_learning&viewStateShareKey=panna_exp" in first.stdout
    assert not any(name.startswith("system/") for name in run.data.metrics)  # on request only
    record = json.loads((program.folder / "run/environment.json").read_text())["data"]
    inputs = {item.tags[0].value: item.dataset for item in run.inputs.dataset_inputs}
    assert len(run.inputs.dataset_inputs) == 2  # though the run was continued
    for context, part in (("training", "train"), ("validation", "validation")):
        assert inputs[context].digest == record[part]["fingerprint"][:36]
        assert json.loads(inputs[context].profile)["structures"] == record[part]["structures"]
    loss = history(program.folder, run.info.run_id, "train/loss")
    assert [step for step, _ in loss] == list(range(1, 81))
    validation = history(program.folder, run.info.run_id, "validation/energy_mae")
    assert [step for step, _ in validation] == [20, 40, 60, 80]
    rates = history(program.folder, run.info.run_id, "learning_rate")
    assert rates == [(step, 0.01) for step in range(1, 81)]
    speed = history(program.folder, run.info.run_id, "steps_per_second")
    assert {20, 40, 60, 80} <= {step for step, _ in speed}  # each epoch, and each second
    assert len({step for step, _ in speed}) == len(speed)
    assert all(0.1 < value < 1e5 for _, value in speed)
    names = {item.path for item in client(program.folder).list_artifacts(run.info.run_id)}
    assert {"config.yaml", "metrics.dat", "train.log", "networks_metadata.json"} <= names
    assert {"checkpoints", "evaluate", "weights", "learning_curves.png"} <= names
    evaluated = client(program.folder).list_artifacts(run.info.run_id, "evaluate")
    stem = "evaluate/epoch_4_step_80"
    assert {f"{stem}.png", f"{stem}_compositions.png"} <= {item.path for item in evaluated}
    figures = {
        item.path for item in client(program.folder).list_artifacts(run.info.run_id, "weights")
    }
    assert figures == {f"weights/{s}_layer_{n}.png" for s in "HCON" for n in (0, 1)}
    lines = (program.folder / "run/weights.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4]


def test_tensorboard_has_pannas_tags_once(tracked):
    program, _ = tracked
    found = {}
    for folder in ("", "validation"):
        paths = sorted((program.folder / "run" / folder).glob("events.out.tfevents.*"))
        for path in paths:
            for event in LegacyEventFileLoader(str(path)).Load():
                for value in event.summary.value:
                    found.setdefault((folder, value.tag), []).append(event.step)
    assert found["", "1. Losses/1. Total"] == list(range(1, 81))
    assert found["validation", "2. Metrics/2. MAE/atom"] == [20, 40, 60, 80]
    assert found["", "H/layer_0/weights"] == [20, 40, 60, 80]


def test_training_imports_only_what_it_uses(program):
    code = (
        "import sys; from panna_exp.cli import main; code = main(sys.argv[1:]); "
        "found = {'mlflow', 'numba', 'scipy', 'pandas'} & set(sys.modules); "
        "assert not found, found; sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "train", *OPTIONS, "training.max_epochs=1"],
        cwd=program.folder,
        env=program.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (program.folder / "mlflow.db").exists()


def test_a_killed_run_is_failed_and_continues_as_the_same_run(program, tmp_path):
    options = (*OPTIONS, "io.train_dir=run", "training.max_epochs=150")
    options += ("tracking.system_metrics=true",)
    process = program.start("train", *options)
    wait_for(lambda: (tmp_path / "run/tracking_mlflow.json").exists())
    time.sleep(0.5)
    process.kill()
    process.communicate()
    wait_for(lambda: [run.info.status for run in runs(tmp_path)] == ["FAILED"])
    program.run("train", *options)
    (run,) = runs(tmp_path)
    assert run.info.status == "FINISHED"
    steps = [step for step, _ in history(tmp_path, run.info.run_id, "train/loss")]
    assert steps == list(range(1, 3001))
    name = "system/process_memory_usage_megabytes"
    samples = [step for step, _ in history(tmp_path, run.info.run_id, name)]
    assert len(samples) == len(set(samples)) > 0
    assert len(run.inputs.dataset_inputs) == 2


@pytest.mark.slow
def test_ctrl_c_is_killed(program, tmp_path):
    options = (*OPTIONS, "io.train_dir=run", "training.max_epochs=2000")
    process = program.start("train", *options)
    wait_for(lambda: (tmp_path / "run/_models").exists())
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert [run.info.status for run in runs(tmp_path)] == ["KILLED"]


def test_a_store_that_is_away_costs_nothing_and_sync_delivers(program, tmp_path):
    away = ("tracking.uri=http://127.0.0.1:1", "tracking.wait_seconds=2")
    done = program.run("train", *OPTIONS, "io.train_dir=run", *away)
    assert "panna-exp sync" in done.stderr
    assert "steps/s" in done.stdout
    # The sender of the run tries for a while longer, and two at a time are refused.
    wait_for(lambda: program.run("sync", "run", f"uri=sqlite:///{tmp_path}/mlflow.db"), 120)
    (run,) = runs(tmp_path)
    assert run.info.status == "FINISHED"
    assert len(history(tmp_path, run.info.run_id, "train/loss")) == 60
    again = program.run("sync", "run")
    assert again.stdout.startswith("sent 0 points")


@pytest.mark.slow
def test_parallel_runs_make_one_good_store(program, tmp_path):
    def train(number):
        return program.run("train", *OPTIONS, f"io.train_dir=run{number}", f"seed={number}")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(train, range(3)))
    found = runs(tmp_path)
    assert [run.info.status for run in found] == ["FINISHED"] * 3
    for run in found:
        assert len(history(tmp_path, run.info.run_id, "train/loss")) == 60


def test_an_old_file_store_is_refused_with_what_to_do(program, tmp_path):
    (tmp_path / "mlruns/0").mkdir(parents=True)
    (tmp_path / "mlruns/0/meta.yaml").write_text("")
    done = program.run("train", *OPTIONS, code=2)
    assert done.stderr.startswith("error: ")
    assert "migrate" in done.stderr
    assert not (tmp_path / "outputs").exists()


def test_evaluations_are_added_to_the_run_once(tracked):
    program, _ = tracked
    (run,) = runs(program.folder)
    evaluate = ("evaluate", "run_dir=run", "data.test=builtin:tutorial_train.h5")
    for arguments in (("checkpoint=all",), ("checkpoint=all",), ("checkpoint=last",)):
        done = program.run(*evaluate, *arguments)
        assert f"run {run.info.run_id}" in done.stdout.splitlines()[-1]
    name = "evaluate/tutorial_train/energy_mae"
    points = history(program.folder, run.info.run_id, name)
    saved = [checkpoint.stem for checkpoint in (program.folder / "run/_models").glob("epoch_*.pt")]
    assert [step for step, _ in points] == sorted(int(n.rpartition("_")[2]) for n in saved)
    found = client(program.folder)
    files = {item.path for item in found.list_artifacts(run.info.run_id, "evaluate/tutorial_train")}
    assert {f"evaluate/tutorial_train/{n}{s}" for n in saved for s in FIGURES} <= files
    (run,) = runs(program.folder)
    assert run.info.status == "FINISHED"
    again = program.run(*evaluate, "mlflow=false", f"io.eval_dir={program.folder}/elsewhere")
    assert "MLflow" not in again.stdout + again.stderr


@pytest.mark.slow
def test_an_evaluation_while_the_store_is_away_is_kept(program, tmp_path):
    away = ("tracking.uri=http://127.0.0.1:1", "tracking.wait_seconds=0.5")
    program.run("train", *OPTIONS, "io.train_dir=run", *away)
    confirmed = "mlflow_uri=http://127.0.0.1:1"
    done = program.run("evaluate", "run_dir=run", "checkpoint=last", confirmed)
    assert "the server cannot be reached" in done.stdout
    assert "and this sends it: panna-exp sync" in done.stdout
    done = program.run("sync", "run", "uri=ftp://x", code=2)
    assert "ftp://x: MLflow knows no store of the kind 'ftp'" in done.stderr
    done = program.run("train", "tracking.uri=foo://bar", "io.train_dir=other", code=2)
    assert "foo://bar: MLflow knows no store of the kind 'foo'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "other").exists()
    program.run("sync", "run", f"uri=sqlite:///{tmp_path}/mlflow.db")
    (run,) = runs(tmp_path)
    name = "evaluate/validation/energy_mae"
    assert [step for step, _ in history(tmp_path, run.info.run_id, name)] == [60]


def test_result_is_recorded(tracked):
    program, _ = tracked
    result = json.loads((program.folder / "run/result.json").read_text())
    assert result["status"] == "FINISHED"
    assert result["checkpoint"] == "epoch_4_step_80"


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except Exception:
            pass  # the store may not be there yet
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
