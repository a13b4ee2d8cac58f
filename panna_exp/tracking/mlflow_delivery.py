"""Sends a run's journal to an MLflow store, from wherever the last sender stopped.

The place in the journal is saved after each batch, runs are found again by a key in their tags, and
MLflow's databases keep one of several equal rows of a metric (name, time, step and value are their
primary key). So a sender that is killed and started again loses nothing and doubles nothing.

The journal is read through one open file. Where a training starts over in the directory of one that
was killed, the sender left behind goes on with the old journal, and touches nothing of the new one.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from panna_exp.errors import PannaExpError
from panna_exp.files import read_json, write_text_atomic
from panna_exp.masking import masked
from panna_exp.tracking import journal
from panna_exp.tracking.journal import events_of
from panna_exp.tracking.journal_events import Event
from panna_exp.tracking.mlflow_entities import (
    inputs_of,
    metrics_of,
    params_of,
    tags_of,
)
from panna_exp.tracking.mlflow_model import log_model
from panna_exp.tracking.mlflow_runs import find_or_create
from panna_exp.tracking.mlflow_store import open_client

STATE = "tracking_mlflow.json"
_ENDED = ("FINISHED", "FAILED", "KILLED")
# MLflow's limits: metrics and parameters a call.
_METRICS, _PARAMS = 1000, 100


class BusyError(PannaExpError):
    """Another process sends this journal."""


@dataclass(slots=True)
class State:
    """How far a journal was sent to one store.

    Args:
        experiment_id: Empty before the run was created.
        run_id: Empty before the run was created.
        offset: Bytes of the journal that were sent.
        status: The run's, as MLflow has it.
        presumed: Whether the status is what the sender took for granted, since the training was
            gone without a word.
        key: Of the journal.
        model: Address of the last model that was logged, if any.
    """

    experiment_id: str = ""
    run_id: str = ""
    offset: int = 0
    status: str = ""
    presumed: bool = False
    key: str = ""
    model: str = ""

    @classmethod
    def load(cls, run_dir: Path, uri: str, key: str | None = None) -> "State":
        """Returns the saved state, or that of a store which has nothing yet.

        With a ``key`` that of another journal is not used.
        """
        state = cls(**_known(run_dir / STATE, _states(run_dir).get(masked(uri), {})))
        return state if key in (None, state.key) else cls()

    def save(self, run_dir: Path, uri: str) -> None:
        """Writes the state after those of other stores."""
        states = _states(run_dir)
        states.pop(masked(uri), None)
        states[masked(uri)] = asdict(self)
        write_text_atomic(run_dir / STATE, json.dumps(states, indent=1) + "\n")


def last_store(run_dir: Path) -> str | None:
    """Returns the store that a run was last sent to, without a password."""
    used = [uri for uri, state in _states(run_dir).items() if state.get("run_id")]
    return used[-1] if used else None


class Delivery:
    """Sends the events of one run directory; one at a time has it.

    Args:
        run_dir: The run directory.
        uri: The store.
        launch_dir: Where a local store keeps its artifacts.

    Raises:
        BusyError: Another process sends this journal.
        Exception: Whatever MLflow raises where a store cannot be opened.
    """

    def __init__(self, run_dir: Path, uri: str, launch_dir: Path) -> None:
        self._run_dir = run_dir
        self._uri = uri
        self._launch_dir = launch_dir
        self._path = run_dir / journal.NAME
        self._lock = self._path.open("rb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._client = open_client(uri)
            self._state = self._known_state()
        except BlockingIOError:
            self._lock.close()
            raise BusyError(
                f"{run_dir}: is being sent to MLflow by another process: wait for it"
            ) from None
        except BaseException:
            self._lock.close()
            raise
        self._last_time: int | None = None
        self.points = 0
        self.files = 0
        self.missing: list[str] = []
        self.refused: list[str] = []

    @property
    def run_id(self) -> str:
        """The run's id in the store, empty before it was created."""
        return self._state.run_id

    @property
    def ended(self) -> bool:
        """Whether the store knows how the run ended."""
        return self._state.status in _ENDED

    def send(self) -> None:
        """Sends everything in the journal that was not sent; raises what MLflow raises."""
        points: list[Any] = []
        end = self._state.offset
        for event, after in events_of(self._lock, self._path, end):
            if event["event"] == "metrics":
                points += metrics_of(event)
                if len(points) >= _METRICS:
                    self._send_points(points, after)
                    points = []
            else:
                self._send_points(points, end)
                points = []
                self._handle(event)
                self._done(after)
            if event["event"] != "evaluation":  # which may come days after the training's end
                self._last_time = event.get("time", self._last_time)
            end = after
        self._send_points(points, end)

    def mark_failed(self) -> None:
        """The training ended without saying so: it crashed or was killed."""
        if self.run_id and not self.ended:
            self._end("FAILED", self._last_time)
            self._state.presumed = True
            self._done(self._state.offset)

    def goes_on(self) -> None:
        """The training runs: takes back what was presumed when an earlier one was killed."""
        if self._state.presumed:
            self._client.update_run(self.run_id, status="RUNNING")
            self._state.status, self._state.presumed = "RUNNING", False
            self._done(self._state.offset)

    def close(self) -> None:
        """Lets another process send."""
        self._lock.close()

    def _known_state(self) -> State:
        """Returns the saved state unless its run was deleted from the store: all is sent again."""
        first = next(events_of(self._lock, self._path, 0), None)
        state = State() if first is None else State.load(self._run_dir, self._uri, first[0]["key"])
        if not state.run_id:
            return state
        from mlflow.exceptions import MlflowException

        try:
            info = self._client.get_run(state.run_id).info
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return State()
        return state if info.lifecycle_stage == "active" else State()

    def _handle(self, event: Event) -> None:
        if event["event"] in ("start", "resume"):
            self._begin(event)
        elif event["event"] == "artifact":
            self._send_file(event["path"], event["folder"])
        elif event["event"] == "data":
            self._send_inputs(event)
        elif event["event"] == "model":
            self._send_model(event)
        elif event["event"] == "evaluation":
            self._send_evaluation(event)
        elif event["event"] == "finish":
            self._end(event["status"], event["time"])

    def _begin(self, event: Event) -> None:
        state = self._state
        if not state.run_id:
            state.experiment_id, state.run_id = find_or_create(
                self._client, self._uri, self._launch_dir, self._run_dir, event
            )
            state.key = event["key"]
        self._describe(event)
        self._client.update_run(state.run_id, status="RUNNING")
        state.status, state.presumed = "RUNNING", False

    def _describe(self, event: Event) -> None:
        """Sends parameters, tags and data sets; MLflow takes the same data set once."""
        from mlflow.entities import Param, RunTag

        known = self._client.get_run(self.run_id).data.params
        params = params_of(event).items()
        new = [Param(name, value) for name, value in params if name not in known]
        for first in range(0, len(new), _PARAMS):
            self._client.log_batch(self.run_id, params=new[first : first + _PARAMS])
        tags = [RunTag(name, value) for name, value in tags_of(event, known).items()]
        for first in range(0, len(tags), _PARAMS):
            self._client.log_batch(self.run_id, tags=tags[first : first + _PARAMS])
        self._send_inputs(event)

    def _send_inputs(self, event: Event) -> None:
        inputs = inputs_of(event)
        if inputs:
            self._client.log_inputs(self.run_id, inputs)

    def _send_file(self, name: str, folder: str) -> None:
        path = self._run_dir / name
        if not is_inside(path, self._run_dir):
            self.refused.append(name)
            return
        if self._is_left_behind() or not path.is_file():
            self.missing.append(name)
            return
        self._client.log_artifact(self.run_id, str(path), folder or None)
        self.files += 1

    def _send_evaluation(self, event: Event) -> None:
        self._send_inputs(event)
        points = list(metrics_of(event, f"evaluate/{event['data']}/"))
        self._client.log_batch(self.run_id, metrics=points)
        self.points += len(points)
        for name in event["files"]:
            self._send_file(name, event["folder"])

    def _send_model(self, event: Event) -> None:
        from mlflow.exceptions import MlflowException

        folder = self._run_dir / event["folder"]
        if not all(is_inside(path, self._run_dir) for path in (folder, *folder.rglob("*"))):
            self.refused.append(event["folder"])
            return
        if self._is_left_behind() or not folder.is_dir():
            self.missing.append(event["folder"])
            return
        try:
            self._state.model = log_model(self._client, self.run_id, self._run_dir, event)
        except MlflowException as error:
            # A server from before there were models must not keep the rest of the record out.
            if error.error_code != "ENDPOINT_NOT_FOUND":
                raise
            self.missing.append(f"{event['folder']} as a model (the server takes none)")

    def _send_points(self, points: list[Any], end: int) -> None:
        """Sends metrics; ``end`` is the byte of the journal after them."""
        if end == self._state.offset:
            return
        for first in range(0, len(points), _METRICS):
            self._client.log_batch(self.run_id, metrics=points[first : first + _METRICS])
        self.points += len(points)
        self._done(end)

    def _end(self, status: str, time_ms: int | None) -> None:
        self._client.set_terminated(self.run_id, status, time_ms)
        self._state.status, self._state.presumed = status, False

    def _done(self, offset: int) -> None:
        self._state.offset = offset
        if not self._is_left_behind():
            self._state.save(self._run_dir, self._uri)

    def _is_left_behind(self) -> bool:
        """Whether another training has begun in the directory, and its files are not this run's."""
        try:
            return not os.path.samestat(self._path.stat(), os.fstat(self._lock.fileno()))
        except FileNotFoundError:
            return True


def is_inside(path: Path, run_dir: Path) -> bool:
    """Whether a path that a journal names is in its run directory, after all links.

    A journal may come from elsewhere: what it names must not be another file of the user's.
    """
    try:
        return path.resolve().is_relative_to(run_dir.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name with a null byte
        return False


def _states(run_dir: Path) -> dict[str, dict[str, Any]]:
    path = run_dir / STATE
    if not path.exists():
        return {}
    try:
        states = read_json(path)
    except ValueError:
        states = None
    if not isinstance(states, dict) or not all(isinstance(s, dict) for s in states.values()):
        raise _bad_state(path, "expected a JSON object by store")
    return states


def _known(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Returns the values of a saved state that this version knows."""
    known = {name: values[name] for name in asdict(State()) if name in values}
    for name, default in asdict(State()).items():
        if not isinstance(known.get(name, default), type(default)):
            raise _bad_state(path, f"'{name}' is {known[name]!r:.40}")
    return known


def _bad_state(path: Path, problem: str) -> PannaExpError:
    return PannaExpError(f"{path}: {problem}: remove it, and everything is sent again")
