"""TensorBoard event files in the run directory, under PANNA's tags.

Training goes to the run directory itself and validation to ``validation/`` in it, with the same
tags: ``tensorboard --logdir=RUN_DIR`` draws both in one chart.
"""

import logging
import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from io import BytesIO, FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from panna_exp.files import relative
from panna_exp.tracking.archive import EVENT_FILES, VALIDATION
from panna_exp.tracking.base import RunInfo, RunStatus, Tracker

# PANNA 2.x's tags by our names; others keep theirs.
_TAGS = {
    "loss": "1. Losses/1. Total",
    "energy_loss": "1. Losses/2. Energy",
    "force_loss": "1. Losses/3. Forces",
    "penalty": "1. Losses/4. Regularization",
    "energy_rmse": "2. Metrics/1. RMSE/atom",
    "energy_mae": "2. Metrics/2. MAE/atom",
    "force_rmse": "2. Metrics/3. Force components RMSE",
    "force_mae": "2. Metrics/4. Force components MAE",
}
_BINS = 30
_FLUSH_SECONDS = 1.0

logger = logging.getLogger(__name__)


class TensorBoardTracker(Tracker):
    """Writes scalars and, each epoch, histograms of weights and biases."""

    wants_histograms = True

    def __init__(self) -> None:
        self._files: dict[str, _EventFile] = {}
        self._run_dir: Path | None = None

    def start(self, run: RunInfo) -> None:
        """Event files are made when there is something to write."""
        self._run_dir = run.run_dir

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Writes scalars."""
        folders: dict[str, dict[str, Any]] = {}
        for name, value in metrics.items():
            folder, tag = place(name)
            folders.setdefault(folder, {})[tag] = {"simple_value": float(value)}
        for folder, values in folders.items():
            self._file(folder).add(step, values)

    def histograms(self, step: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Writes one histogram per array, ``H.0.weights`` as ``H/layer_0/weights``."""
        values = {}
        for name, array in arrays.items():
            symbol, layer, kind = name.split(".")
            values[f"{symbol}/layer_{layer}/{kind}"] = {"histo": histogram(array)}
        self._file("").add(step, values)

    def flush(self) -> None:
        """Writes what is held back."""
        for file in self._files.values():
            file.flush()

    def finish(self, status: RunStatus) -> None:
        """Writes what is held back."""
        self.flush()

    def where(self) -> list[str]:
        """The command that shows the run."""
        if self._run_dir is None:
            return []
        return [f"tensorboard:  tensorboard --logdir={relative(self._run_dir)}"]

    def close(self) -> None:
        """Closes the event files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _file(self, folder: str) -> "_EventFile":
        if folder not in self._files:
            assert self._run_dir is not None
            self._files[folder] = _EventFile(self._run_dir / folder)
        return self._files[folder]


def place(name: str) -> tuple[str, str]:
    """Returns folder and tag of a metric."""
    group, _, rest = name.rpartition("/")
    if group in ("train", VALIDATION):
        return ("" if group == "train" else VALIDATION), _TAGS.get(rest, rest)
    return "", name


def histogram(array: NDArray[Any]) -> Any:
    """Returns TensorBoard's histogram of the finite values of an array."""
    values = array[np.isfinite(array)].astype(np.float64).ravel()
    counts, edges = np.histogram(values, bins=_BINS)
    return HistogramProto(
        min=values.min() if len(values) else 0.0,
        max=values.max() if len(values) else 0.0,
        num=len(values),
        sum=values.sum(),
        sum_squares=(values**2).sum(),
        bucket_limit=edges[1:].tolist(),
        bucket=counts.astype(float).tolist(),
    )


def read_event_file(path: Path) -> Iterator[Any]:
    """Yields the events of a file up to its end or to a record cut short by a kill.

    Records are a length (8 bytes), its CRC (4), the event, and its CRC (4). CRCs are not looked at:
    a kill cuts a file short, it does not change bytes.
    """
    data = path.read_bytes()
    start = 0
    while start + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, start)
        end = start + 12 + length
        if end + 4 > len(data):
            return
        yield Event.FromString(data[start + 12 : end])
        start = end + 4


class _EventFile:
    """A new event file; values of steps that earlier files of the folder have are skipped."""

    def __init__(self, folder: Path) -> None:
        self._last_steps = {
            value.tag: event.step
            for path in sorted(folder.glob(EVENT_FILES))
            for event in read_event_file(path)
            for value in event.summary.value
        }
        self._path = _new_name(folder)
        self._file: FileIO | None = None
        self._buffer = BytesIO()
        self._records = RecordWriter(self._buffer)
        self._next_flush = 0.0
        self._failed = False
        version = Event(wall_time=time.time(), file_version="brain.Event:2")
        self._records.write(version.SerializeToString())

    def add(self, step: int, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Adds the values of tags at a step."""
        last = self._last_steps
        new = [
            Summary.Value(tag=tag, **value)
            for tag, value in values.items()
            if step > last.get(tag, -1)
        ]
        if not new or self._failed:
            return
        last.update((value.tag, step) for value in new)
        event = Event(wall_time=time.time(), step=step, summary=Summary(value=new))
        self._records.write(event.SerializeToString())
        if time.monotonic() >= self._next_flush:
            self.flush()

    def flush(self) -> None:
        """Writes what is held back; a full disk ends the file, not the training."""
        self._next_flush = time.monotonic() + _FLUSH_SECONDS
        data = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        if not data or self._failed:
            return
        try:
            if self._file is None:
                self._path.parent.mkdir(exist_ok=True)
                self._file = self._path.open("xb", buffering=0)
            if self._file.write(data) != len(data):
                raise OSError("no room for the whole of it")
        except OSError as error:
            self._failed = True
            reason = error.strerror or str(error)
            logger.warning("%s: cannot be written (%s): it ends here", self._path, reason)

    def close(self) -> None:
        """Flushes and closes the file."""
        self.flush()
        if self._file is not None:
            self._file.close()


def _new_name(folder: Path) -> Path:
    """Returns a name after those of earlier files: TensorBoard reads them in order of names."""
    seconds = int(time.time())
    process = f"{socket.gethostname()}.{os.getpid()}"
    while (path := folder / f"events.out.tfevents.{seconds:010d}.{process}.0").exists():
        seconds += 1
    return path
