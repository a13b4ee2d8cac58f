"""Sends a run's journal to MLflow; the only module that imports mlflow.

Every event may be sent twice: MLflow keeps one of two equal metric points, runs are found again by
the key in their tags, and the place in the journal is saved after each batch. So a sender that is
killed and started again loses nothing and doubles nothing.
"""

import fcntl
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from panna_exp.errors import PannaExpError
from panna_exp.files import write_text_atomic
from panna_exp.tracking import journal
from panna_exp.tracking.journal import Event, read_events

STATE = "tracking_mlflow.json"
_KEY_TAG = "panna_exp.journal"
_BATCH = 1000  # MLflow's limit of metrics a call
_PARAMS = 100  # and of parameters
_VALUE = 6000  # and of a parameter's length
_TAG = 5000  # and of a tag's


@dataclass(slots=True)
class State:
    """How far a journal was sent.

    Args:
        uri: The store.
        experiment_id: Empty before the run was created.
        run_id: Empty before the run was created.
        offset: Bytes of the journal that were sent.
    """

    uri: str
    experiment_id: str = ""
    run_id: str = ""
    offset: int = 0

    @classmethod
    def load(cls, run_dir: Path, uri: str | None) -> "State | None":
        """Returns the saved state; None if there is none, or it is of another store."""
        path = run_dir / STATE
        if not path.exists():
            return None
        state = cls(**json.loads(path.read_text()))
        return state if uri in (None, state.uri) else None

    def save(self, run_dir: Path) -> None:
        """Writes the state."""
        write_text_atomic(run_dir / STATE, json.dumps(asdict(self)) + "\n")


def default_uri(launch_dir: Path) -> str:
    """Returns the user's MLFLOW_TRACKING_URI, else ``mlflow.db`` in the folder of the start."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{launch_dir.resolve()}/mlflow.db"


def check_file_store(launch_dir: Path) -> None:
    """Raises PannaExpError where an old file store would keep ``mlflow ui`` from starting."""
    if any((launch_dir / "mlruns").glob("[0-9]*/meta.yaml")):
        raise PannaExpError(
            f"{launch_dir / 'mlruns'}: holds an MLflow file store, which MLflow no longer opens: "
            "migrate it (mlflow migrate-filestore), or start in another folder, or set tracking.uri"
        )


class Sender:
    """Sends the events of one run directory.

    Args:
        run_dir: The run directory.
        uri: The store.
        launch_dir: Where a local store keeps its artifacts.
    """

    def __init__(self, run_dir: Path, uri: str, launch_dir: Path) -> None:
        self._run_dir = run_dir
        self._launch_dir = launch_dir
        self.state = State.load(run_dir, uri) or State(uri)
        self._client = make_client(uri)
        self.finished = False
        self.sent = 0

    def send(self) -> None:
        """Sends everything in the journal that was not sent; raises what MLflow raises."""
        path = self._run_dir / journal.NAME
        if not path.exists():
            return
        pending: list[Event] = []
        points, end = 0, self.state.offset
        for event, end in read_events(path, self.state.offset):
            if event["event"] == "metrics":
                if points + len(event["values"]) > _BATCH:
                    self._send_metrics(pending)
                    pending, points = [], 0
                pending.append(event)
                points += len(event["values"])
                continue
            self._send_metrics(pending)
            pending, points = [], 0
            self._handle(event)
            self._done(end)
        self._send_metrics(pending)
        if end != self.state.offset:
            self._done(end)

    def mark_failed(self) -> None:
        """The training ended without saying so: it crashed or was killed."""
        if self.state.run_id:
            self._client.set_terminated(self.state.run_id, "FAILED")

    def _done(self, offset: int) -> None:
        self.state.offset = offset
        self.state.save(self._run_dir)

    def _handle(self, event: Event) -> None:
        if event["event"] in ("start", "resume"):
            self.finished = False
            self._start(event)
        elif event["event"] == "artifact":
            path = self._run_dir / event["path"]
            if path.exists():
                self._client.log_artifact(self.state.run_id, str(path), event["folder"] or None)
        elif event["event"] == "finish":
            self._client.set_terminated(self.state.run_id, event["status"], event["time"])
            self.finished = True

    def _start(self, event: Event) -> None:
        if not self.state.experiment_id:
            self.state.experiment_id = self._experiment(event["experiment"])
        if not self.state.run_id:
            self.state.run_id = self._find_run(event["key"]) or self._create_run(event)
        self._client.update_run(self.state.run_id, status="RUNNING")

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        location = None
        if self.state.uri.startswith("sqlite:"):
            folder = re.sub(r"[^\w.-]+", "_", name)
            location = (self._launch_dir.resolve() / "mlruns" / "artifacts" / folder).as_uri()
        try:
            return str(self._client.create_experiment(name, artifact_location=location))
        except Exception:
            # Another run may have created it in the meantime.
            found = self._client.get_experiment_by_name(name)
            if found is None:
                raise
            return str(found.experiment_id)

    def _find_run(self, key: str) -> str | None:
        found = self._client.search_runs(
            [self.state.experiment_id], f"tags.`{_KEY_TAG}` = '{key}'", max_results=1
        )
        return str(found[0].info.run_id) if found else None

    def _create_run(self, event: Event) -> str:
        from mlflow.entities import Param

        tags = {name: value[:_TAG] for name, value in event["tags"].items()}
        run = self._client.create_run(
            self.state.experiment_id,
            start_time=event["time"],
            tags={**tags, _KEY_TAG: event["key"]},
            run_name=event["name"],
        )
        params = [Param(clean_key(name), value[:_VALUE]) for name, value in event["params"].items()]
        for first in range(0, len(params), _PARAMS):
            self._client.log_batch(run.info.run_id, params=params[first : first + _PARAMS])
        return str(run.info.run_id)

    def _send_metrics(self, events: list[Event]) -> None:
        from mlflow.entities import Metric

        if not events:
            return
        metrics = [
            Metric(clean_key(name), value, event["time"], event["step"])
            for event in events
            for name, value in event["values"].items()
        ]
        self._client.log_batch(self.state.run_id, metrics=metrics)
        self.sent += len(metrics)


def make_client(uri: str) -> Any:
    """Returns an MLflow client of the store, created first if it is a new local one."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    from mlflow import MlflowClient

    with _creation_lock(uri):
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        if uri.startswith("sqlite:"):
            client.search_experiments(max_results=1)  # creates the tables of a new store
    return client


@contextmanager
def _creation_lock(uri: str) -> Iterator[None]:
    """Processes that create one SQLite store at once would leave it broken."""
    if not uri.startswith("sqlite:///"):
        yield
        return
    path = Path(uri.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def clean_key(name: str) -> str:
    """Returns a key of the characters and length that MLflow takes."""
    return re.sub(r"[^\w\-. /:]", "_", name)[:250]


def ui_address(state: Mapping[str, Any] | State) -> str:
    """Returns the page of the run's experiment in ``mlflow ui``."""
    experiment = state.experiment_id if isinstance(state, State) else state["experiment_id"]
    return f"http://127.0.0.1:5000/#/experiments/{experiment}/runs?workflowType=machine_learning"
