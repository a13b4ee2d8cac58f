"""What trackers are to be told, recorded by the run: ``tracking.jsonl``, one event per line.

Training appends to this file only; what sends it elsewhere reads it, at its own pace, and can start
again at any byte. Events: ``start`` and, each time the run is continued, ``resume`` (name,
experiment, params, tags, datasets, parent, store, a key of the run), ``metrics`` (step, time in ms,
values), ``artifact`` (path relative to the run directory, folder), ``model`` (folder relative to
the run directory, name, step, species, register, members), ``data`` (data sets), ``evaluation``
(data, fingerprint, step, values, data sets, files, folder), ``finish`` (status).
"""

import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from panna_exp.files import open_own
from panna_exp.records import RecordFile
from panna_exp.tracking.base import Dataset, Model, RunInfo, RunStatus, TrackedEvaluation
from panna_exp.tracking.journal_events import Event, parse_event

NAME = "tracking.jsonl"
_FLUSH_SECONDS = 0.2


class Journal:
    """Appends events; values of steps that are in the file already are skipped.

    Args:
        path: The file; a last line cut short by a kill is removed.

    Raises:
        PannaExpError: A line of the file is not an event.
    """

    def __init__(self, path: Path) -> None:
        self._last_steps: dict[str, int] = {}
        self._key: str | None = None
        self._evaluations: dict[tuple[str, int], Event] = {}  # the last by data and step
        self._evaluated: dict[str, str] = {}  # fingerprints of data by name
        size = 0
        if path.exists():
            for event, after in read_events(path, 0):
                self._remember(event)
                size = after
        handle = open_own(path, os.O_WRONLY)
        try:
            os.ftruncate(handle, size)
        finally:
            os.close(handle)
        self._file = RecordFile(path)
        self._buffer: list[Event] = []
        self._next_flush = 0.0

    def start(self, run: RunInfo, store: Mapping[str, str]) -> None:
        """The run begins, or is continued; ``store`` says where it is to be sent."""
        kind = "start" if self._key is None else "resume"
        self._key = self._key or uuid.uuid4().hex
        self._add(
            {
                "event": kind,
                "key": self._key,
                "name": run.name,
                "experiment": run.experiment,
                "params": {name: str(value) for name, value in run.params.items()},
                "tags": dict(run.tags),
                "datasets": [asdict(dataset) for dataset in run.datasets],
                "parent": _parent(run.parent),
                "store": dict(store),
                "time": now_ms(),
            }
        )
        self.flush()

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Adds values of a step, less those that were recorded before a kill."""
        last = self._last_steps
        new = {name: float(v) for name, v in metrics.items() if step > last.get(name, -1)}
        if not new:
            return
        for name in new:
            last[name] = step
        self._add({"event": "metrics", "step": step, "time": now_ms(), "values": new})
        if time.monotonic() >= self._next_flush:
            self.flush()

    def save(self, path: str, folder: str) -> None:
        """Adds a file to keep, its path relative to the run directory."""
        self._add({"event": "artifact", "path": path, "folder": folder})

    def add_data(self, datasets: Sequence[Dataset]) -> None:
        """Adds data sets that were not known when the run began."""
        self._add({"event": "data", "datasets": [asdict(dataset) for dataset in datasets]})

    def save_model(self, folder: str, model: Model) -> None:
        """Adds a potential to keep, its folder relative to the run directory."""
        self._add(
            {
                "event": "model",
                "folder": folder,
                "name": model.name,
                "step": model.step,
                "species": list(model.species),
                "register": model.register,
                "members": model.members,
            }
        )

    def add_evaluation(self, evaluation: TrackedEvaluation, run_dir: Path) -> None:
        """Adds errors and files of a checkpoint on some data, unless the last ones are the same.

        Data of the same name but of other contents get another name: their errors are no points
        of the same curve.
        """
        digest, name = evaluation.fingerprint, evaluation.data
        if self._evaluated.setdefault(name, digest) != digest:
            name = f"{name}_{digest[:8]}"
        files = [os.path.relpath(path.resolve(), run_dir) for path in evaluation.files]
        folder = "evaluate" if evaluation.dataset is None else f"evaluate/{name}"
        event = {
            "event": "evaluation",
            "step": evaluation.step,
            "data": name,
            "fingerprint": digest,
            "values": dict(evaluation.values),
            "datasets": [] if evaluation.dataset is None else [asdict(evaluation.dataset)],
            "files": files,
            "folder": folder,
        }
        key = name, evaluation.step
        if self._evaluations.get(key) != event:
            self._evaluations[key] = event
            self._add({**event, "time": now_ms()})

    def finish(self, status: RunStatus) -> None:
        """The run is over."""
        self._add({"event": "finish", "status": status.value, "time": now_ms()})
        self.flush()

    def flush(self) -> None:
        """Writes what was added; called before a checkpoint is saved, so that none is lost.

        Where the disk is full the events wait in memory for room: training goes on.
        """
        self._next_flush = time.monotonic() + _FLUSH_SECONDS
        # All at once, not one at a time: between two steps the processor has forgotten how.
        self._file.append("".join(json.dumps(event) + "\n" for event in self._buffer))
        self._buffer.clear()

    @property
    def waits(self) -> bool:
        """Whether there are events that found no room."""
        return self._file.waits

    def _add(self, event: Event) -> None:
        self._buffer.append(event)

    def _remember(self, event: Event) -> None:
        if event["event"] in ("start", "resume"):
            self._key = event["key"]
        elif event["event"] == "metrics":
            for name in event["values"]:
                self._last_steps[name] = event["step"]
        elif event["event"] == "evaluation":
            known = {key: value for key, value in event.items() if key != "time"}
            self._evaluations[event["data"], event["step"]] = known
            self._evaluated[event["data"]] = event["fingerprint"]


def read_events(path: Path, offset: int) -> Iterator[tuple[Event, int]]:
    """Yields (event, byte after it) of the whole lines from ``offset`` on.

    Raises:
        PannaExpError: A line is not an event.
    """
    with path.open("rb") as file:
        yield from events_of(file, path, offset)


def events_of(file: BinaryIO, path: Path, offset: int) -> Iterator[tuple[Event, int]]:
    """Does what :func:`read_events` does with a file that is open already."""
    file.seek(offset)
    for line in file:
        if not line.endswith(b"\n"):
            return  # being written, or cut short by a kill
        yield parse_event(path, offset, line), offset + len(line)
        offset += len(line)


def first_event(path: Path) -> Event | None:
    """Returns the ``start`` of a journal, None where there is no journal or no whole line of it."""
    if not path.is_file():
        return None
    return next((event for event, _ in read_events(path, 0)), None)


def last_start(path: Path) -> Event | None:
    """Returns what a run said of itself when it last began or was continued, None of no run."""
    if not path.is_file():
        return None
    starts = [event for event, _ in read_events(path, 0) if event["event"] in ("start", "resume")]
    return starts[-1] if starts else None


def now_ms() -> int:
    """Milliseconds since 1970, as MLflow counts time."""
    return time.time_ns() // 1_000_000


def _parent(folder: Path | None) -> dict[str, str] | None:
    """Returns what finds the run that another is nested under, where it is recorded at all."""
    start = None if folder is None else first_event(folder / NAME)
    if folder is None or start is None:
        return None
    names = {"key": start["key"], "experiment": start["experiment"]}
    return {"run_dir": str(folder.resolve()), **names}
