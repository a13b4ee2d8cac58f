"""A real MLflow server that is away when a training starts, is killed, and comes back."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from itertools import pairwise

import mlflow
import pytest
from mlflow import MlflowClient

OPTIONS = (
    *("network.architecture=[8,1]", "training.steps_per_epoch=200", "io.log_frequency=100"),
    *("training.batch_size=20", "io.save_checkpoint_steps=1000", "training.max_epochs=100000"),
    *("io.train_dir=run", "tracking.weight_figures=false", "tracking.log_model=false"),
)
LONGEST_PAUSE = 2.0  # seconds between two logged points, on a machine that does other things too

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's imports warn about its dependencies


class Server:
    """``mlflow server`` with a database of its own, always on the same port."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process = None

    def start(self):
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
                *("--port", str(self.port), "--workers", "1"),
                *("--backend-store-uri", f"sqlite:///{self.folder}/server.db"),
                *("--artifacts-destination", str(self.folder / "artifacts")),
            ],
            cwd=self.folder,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(self._answers)

    def kill(self):
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self):
        with urllib.request.urlopen(f"{self.uri}/health", timeout=1) as answer:
            return answer.status == 200


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path)
    yield made
    made.kill()


@contextmanager
def training(program, *options):
    process = program.start("train", *OPTIONS, *options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def stop(process):
    """Ctrl-C; returns what was printed."""
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 130, output
    return output


def logged(folder):
    """(step, time in s) of each logged point, as the journal has it."""
    lines = (folder / "run/tracking.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return [
        (event["step"], event["time"] / 1000)
        for event in events
        if event["event"] == "metrics" and "train/loss" in event["values"]
    ]


def stored(server):
    """Steps of the loss in the store, read without the server."""
    client = MlflowClient(f"sqlite:///{server.folder}/server.db")
    (run,) = client.search_runs([client.get_experiment_by_name("panna_exp").experiment_id])
    return [point.step for point in client.get_metric_history(run.info.run_id, "train/loss")], run


def arrives(server, folder):
    """A point that was logged from now on reaches the store."""
    step = logged(folder)[-1][0] + 1
    wait_for(lambda: max(stored(server)[0]) >= step)


def assert_never_paused(folder):
    times = [when for _, when in logged(folder)]
    longest = max(after - before for before, after in pairwise(times))
    assert longest < LONGEST_PAUSE, f"training stood still for {longest:.2f} s"


@pytest.mark.slow
def test_a_server_that_is_away_killed_and_back(program, tmp_path, server):
    with training(program, f"tracking.uri={server.uri}") as process:
        wait_for(lambda: len(logged(tmp_path)) > 5)
        server.start()
        arrives(server, tmp_path)
        server.kill()
        before = len(logged(tmp_path))
        wait_for(lambda: len(logged(tmp_path)) > before + 20)
        server.start()
        arrives(server, tmp_path)
        output = stop(process)
    assert "panna-exp sync" not in output  # all of it was sent
    steps, run = stored(server)
    assert sorted(steps) == [step for step, _ in logged(tmp_path)]
    assert run.info.status == "KILLED"
    assert_never_paused(tmp_path)


@pytest.mark.slow
def test_a_server_that_is_killed_again_and_again_and_away_at_the_end(program, tmp_path, server):
    with training(program, f"tracking.uri={server.uri}", "tracking.wait_seconds=2") as process:
        wait_for(lambda: len(logged(tmp_path)) > 5)
        for _ in range(3):
            server.start()
            arrives(server, tmp_path)
            server.kill()
            time.sleep(2)
        output = stop(process)
    assert "panna-exp sync" in output
    wait_for(
        lambda: program.run("sync", "run", f"uri={server.uri}", code=2)
    )  # the sender has given up, too
    server.start()
    assert "sent " in program.run("sync", "run", f"uri={server.uri}").stdout
    steps, run = stored(server)
    assert sorted(steps) == [step for step, _ in logged(tmp_path)]
    assert run.info.status == "KILLED"
    assert program.run("sync", "run", f"uri={server.uri}").stdout.startswith(
        "sent 0 points and 0 files"
    )
    assert_never_paused(tmp_path)
    short = ("io.train_dir=short", "training.max_epochs=1", "tracking.log_model=true")
    program.run("train", *OPTIONS, *short, f"tracking.uri={server.uri}", "tracking.register=mine")
    mlflow.set_tracking_uri(server.uri)
    try:
        model = mlflow.pyfunc.load_model("models:/mine/1")
    finally:
        mlflow.set_tracking_uri(None)
    assert model.predict([{"symbols": ["H"], "positions": [[0, 0, 0]]}])["energy"][0] < 0


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except Exception:
            pass  # there is no file, store or server yet
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)
