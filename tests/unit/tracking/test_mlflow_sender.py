"""The tracker and its sender as processes that are killed, disturbed and left without a store."""

import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from panna_exp.commands import sync as sync_command
from panna_exp.errors import ConfigError, PannaExpError
from panna_exp.tracking.base import RunStatus
from panna_exp.tracking.mlflow import MlflowTracker

from .conftest import Store, make_run

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's imports warn about its dependencies

# A training that can be killed and continued: its checkpoint is the step, saved after a flush.
TRAINER = """
import sys, time
from pathlib import Path
from panna_exp.files import write_text_atomic
from panna_exp.tracking.base import RunInfo, tracked_run
from panna_exp.tracking.mlflow import MlflowTracker

folder, steps, pause = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
folder.mkdir(exist_ok=True)
checkpoint = folder / "checkpoint"
tracker = MlflowTracker(None, folder.parent, 60)
tracker.prepare()
run = RunInfo(run_dir=folder, name=folder.name, experiment="tests", params={"a": 1}, tags={})
first = int(checkpoint.read_text()) if checkpoint.exists() else 0
with tracked_run(tracker, run):
    for step in range(first + 1, steps + 1):
        tracker.log(step, {"mae": step, "loss": step / 2})
        if step % 7 == 0:
            tracker.flush()
            write_text_atomic(checkpoint, str(step))
        time.sleep(pause)
tracker.close()
"""


def trainer(run_dir, steps, pause=0.0):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW")}
    command = [sys.executable, "-c", TRAINER, str(run_dir), str(steps), str(pause)]
    return subprocess.Popen(command, env=environment)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def whole(steps):
    return [(step, step) for step in range(1, steps + 1)]


@pytest.mark.slow
def test_parallel_runs_make_one_good_store(tmp_path):
    processes = [trainer(tmp_path / f"run{number}", 500) for number in range(4)]
    assert [process.wait(120) for process in processes] == [0] * 4
    store = Store(tmp_path)
    assert store.statuses() == ["FINISHED"] * 4
    (runs,) = zip(*store.ask("select run_uuid from runs"), strict=True)
    for run in runs:
        query = "select step, value from metrics where key = 'mae' and run_uuid = ? order by step"
        assert store.ask(query, run) == whole(500)


def kill_and_resume(store, rounds):
    random.seed(rounds)
    for number in range(rounds):
        folder = store.folder / f"run{number}"
        process = trainer(folder, 400, 0.005)
        wait_for((folder / "checkpoint").exists)
        time.sleep(random.uniform(0, 1.5))
        process.kill()
        assert process.wait() == -signal.SIGKILL
        if number % 2:  # the sender that was left alone may be at work still, or done
            wait_for(lambda number=number: store.statuses()[number:] == ["FAILED"])
        assert trainer(folder, 400).wait(120) == 0
        assert store.statuses() == ["FINISHED"] * (number + 1)
        query = (
            "select step, value from metrics join runs using (run_uuid) "
            "where key = 'mae' and name = ? order by step, value"
        )
        assert store.ask(query, folder.name) == whole(400)


@pytest.mark.slow
def test_twenty_killed_trainings(store):
    kill_and_resume(store, 20)


@pytest.fixture
def tracker(store):
    made = MlflowTracker(None, store.folder, 60)
    made.prepare()
    yield made
    made.close()


def test_a_killed_sender_is_replaced(tracker, run, store, caplog):
    tracker.start(run)
    for step in range(1, 51):
        tracker.log(step, {"mae": step})
    tracker.flush()
    wait_for(lambda: store.points("mae"))
    process = tracker._sender._process
    process.kill()
    process.wait()
    for step in range(51, 101):
        tracker.log(step, {"mae": step})
    (run.run_dir / "file.txt").write_text("x")
    tracker.save(run.run_dir / "file.txt", "folder")
    with caplog.at_level(logging.WARNING):
        tracker.finish(RunStatus.FINISHED)
    assert not caplog.records
    assert store.points("mae") == whole(100)
    assert store.statuses() == ["FINISHED"]
    assert "experiments/1/runs?workflowType=machine_learning" in tracker.where()[0]
    assert list(store.folder.glob("mlruns/artifacts/tests/*/artifacts/folder/file.txt"))


def test_a_tracker_without_a_run_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracker = MlflowTracker(None, tmp_path, 60)
    tracker.prepare()
    process = tracker._sender._process
    tracker.close()
    assert process.returncode == -signal.SIGKILL
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_away_and_sync_to_another_store(run, store, caplog, capsys, monkeypatch):
    monkeypatch.chdir(store.folder)
    away = MlflowTracker("http://127.0.0.1:1", store.folder, 0.1)
    away.prepare()
    away.start(run)
    started = time.monotonic()
    for step in range(1, 101):
        away.log(step, {"mae": step})
    assert time.monotonic() - started < 0.5
    process = away._sender._process
    wait_for(away._sender.reason)
    finishing = time.monotonic()
    with caplog.at_level(logging.WARNING):
        away.finish(RunStatus.KILLED)
    away.close()
    assert time.monotonic() - finishing < 2
    assert len(caplog.records) == 1
    assert "MLflow (http://127.0.0.1:1): the server cannot be reached (Connection r" in caplog.text
    assert f"panna-exp sync {run.run_dir} uri=http://127.0.0.1:1" in caplog.text
    assert away.where() == []
    assert process.returncode == -signal.SIGKILL  # not in the way of sync
    with pytest.raises(PannaExpError, match=r"you trust .*, say uri=http://127\.0\.0\.1:1"):
        sync_command.main(["run"])
    with pytest.raises(
        PannaExpError, match=r"http://127\.0\.0\.1:1: does not take the record of .*refused"
    ):
        sync_command.main(["run", "uri=http://127.0.0.1:1"])
    for sent in (100, 0):
        assert sync_command.main(["run", "uri=sqlite:///mlflow.db"]) == 0
        assert f"sent {sent} points and 0 files of {run.run_dir}" in capsys.readouterr().out
        assert store.points("mae") == whole(100)
        assert store.statuses() == ["KILLED"]
    assert sync_command.main([str(run.run_dir)]) == 0  # where it was last sent to
    assert f"sent 0 points and 0 files of {run.run_dir} to {store.uri}" in capsys.readouterr().out


def test_a_store_that_comes_back_gets_everything(run, store, caplog):
    folder = store.folder / "share"
    folder.touch()  # a file where the store's folder is to be: it cannot be opened
    tracker = MlflowTracker("sqlite:///share/mlflow.db", store.folder, 60)
    tracker.prepare()
    tracker.start(run)
    for step in range(1, 51):
        tracker.log(step, {"mae": step})
    wait_for(lambda: "File exists" in tracker._sender.reason())
    folder.unlink()
    folder.mkdir()
    (folder / "mlflow.db").write_bytes((store.folder / "mlflow.db").read_bytes())
    wait_for(lambda: tracker._sender.reason() == "")
    tracker.log(51, {"mae": 51})
    with caplog.at_level(logging.WARNING):
        tracker.finish(RunStatus.FINISHED)
    tracker.close()
    assert not caplog.records
    assert Store(folder).points("mae") == whole(51)
    assert Store(folder).statuses() == ["FINISHED"]


def test_an_mlflow_that_cannot_be_imported_costs_a_warning(run, store, caplog, monkeypatch):
    broken = store.folder / "modules/mlflow"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise AttributeError('a part is missing')")
    monkeypatch.setenv("PYTHONPATH", f"{broken.parent}:{os.environ.get('PYTHONPATH', '')}")
    tracker = MlflowTracker(None, store.folder, 60)
    tracker.prepare()
    tracker._sender.wait(20)
    with caplog.at_level(logging.WARNING):
        tracker.start(run)
        tracker.log(1, {"mae": 1})
        tracker.flush()
        tracker.finish(RunStatus.FINISHED)
        tracker.close()
    assert len(caplog.records) == 1
    assert "AttributeError: a part is missing; the record is kept" in caplog.text
    lines = [json.loads(line) for line in (run.run_dir / "tracking.jsonl").open()]
    assert [line["event"] for line in lines] == ["start", "metrics", "finish"]


def test_the_sender_runs_none_of_the_users_files(run, store, monkeypatch):
    # As with the console script, the folder in which the user starts is not on the path.
    (store.folder / "select.py").write_text("open('it_ran', 'w').close()")
    monkeypatch.chdir(store.folder)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", str(store.folder))])
    tracker = MlflowTracker(None, store.folder, 60)
    tracker.prepare()
    tracker.start(run)
    tracker.log(1, {"mae": 1})
    tracker.finish(RunStatus.FINISHED)
    tracker.close()
    assert not Path("it_ran").exists()
    assert store.statuses() == ["FINISHED"]


def test_sync_names_mistakes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plain").mkdir()
    with pytest.raises(ConfigError) as caught:
        sync_command.main(["nowhere", "--ur", "url=x", "uri="])
    assert caught.value.problems == [
        "sync: unknown or incomplete option '--ur', expected uri=, did you mean 'uri'?",
        "sync: unknown or incomplete option 'url=x', expected uri=, did you mean 'uri'?",
        "sync: unknown or incomplete option 'uri=', expected uri=, did you mean 'uri'?",
        "sync: nowhere: no such directory, expected a run directory",
    ]
    with pytest.raises(ConfigError, match="no run directory given"):
        sync_command.main(["uri=http://x"])
    with pytest.raises(PannaExpError, match=r"plain: has no tracking\.jsonl with a run in it"):
        sync_command.main(["plain"])


def test_sync_of_a_run_that_crashed_or_goes_on(store, monkeypatch):
    from panna_exp.runs.run_directory import RunDirectory
    from panna_exp.tracking.journal import Journal

    monkeypatch.chdir(store.folder)
    directory = RunDirectory(store.folder / "run")
    journal = Journal(store.folder / "run/tracking.jsonl")
    journal.start(make_run(store.folder / "run"), {"uri": store.uri, "launch_dir": "."})
    journal.log(1, {"mae": 1})
    journal.flush()
    sync_command.main(["run_dir=run"])
    assert store.statuses() == ["RUNNING"]
    directory.close()
    sync_command.main(["run"])
    assert store.statuses() == ["FAILED"]
    assert store.points("mae") == whole(1)
