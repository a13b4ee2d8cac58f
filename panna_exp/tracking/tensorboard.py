"""TensorBoard event files in the run directory, under PANNA's tags.

Training goes to the run directory itself and validation to ``validation/`` in it, with the same
tags: ``tensorboard --logdir=RUN_DIR`` draws both in one chart.
"""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from panna_exp.tracking.base import RunInfo, RunStatus

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


class TensorBoardTracker:
    """Writes scalars and, each epoch, histograms of weights and biases."""

    wants_histograms = True

    def __init__(self) -> None:
        self._writers: dict[str, _Writer] = {}
        self._run_dir: Path | None = None

    def start(self, run: RunInfo) -> None:
        """Event files are made when there is something to write."""
        self._run_dir = run.run_dir

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Writes scalars."""
        for name, value in metrics.items():
            group, _, rest = name.rpartition("/")
            folder = group if group == "validation" else ""
            tag = _TAGS[rest] if group in ("train", "validation") and rest in _TAGS else name
            self._writer(folder).add(step, tag, simple_value=float(value))

    def histograms(self, step: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Writes one histogram an array, ``H.0.weights`` as ``H/layer_0/weights``."""
        for name, array in arrays.items():
            symbol, layer, kind = name.split(".")
            tag = f"{symbol}/layer_{layer}/{kind}"
            self._writer("").add(step, tag, histo=histogram(array))

    def flush(self) -> None:
        """Writes what is buffered."""
        for writer in self._writers.values():
            writer.flush()

    def save(self, path: Path, folder: str = "") -> None:
        """Files stay where they are: in the same run directory."""

    def finish(self, status: RunStatus) -> None:
        """Writes what is buffered."""
        self.flush()

    def where(self) -> list[str]:
        """The command that shows the run."""
        return (
            [] if self._run_dir is None else [f"TensorBoard:  tensorboard --logdir={self._run_dir}"]
        )

    def close(self) -> None:
        """Closes the event files."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _writer(self, folder: str) -> "_Writer":
        if folder not in self._writers:
            assert self._run_dir is not None
            self._writers[folder] = _Writer(self._run_dir / folder)
        return self._writers[folder]


class _Writer:
    """An event file; steps that earlier files of the folder have are skipped."""

    def __init__(self, folder: Path) -> None:
        self._last = dict(_last_steps(folder))
        self._file = EventFileWriter(str(folder))

    def add(self, step: int, tag: str, **value: Any) -> None:
        """Adds a value of a tag at a step."""
        if step <= self._last.get(tag, -1):
            return
        self._last[tag] = step
        summary = Summary(value=[Summary.Value(tag=tag, **value)])
        self._file.add_event(Event(wall_time=time.time(), step=step, summary=summary))

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def histogram(array: NDArray[Any]) -> Any:
    """Returns TensorBoard's histogram of the finite values of an array."""
    values = array[np.isfinite(array)].astype(np.float64).ravel()
    counts, edges = np.histogram(values, bins=_BINS)
    return HistogramProto(
        min=values.min(initial=0.0),
        max=values.max(initial=0.0),
        num=len(values),
        sum=values.sum(),
        sum_squares=(values**2).sum(),
        bucket_limit=edges[1:].tolist(),
        bucket=counts.astype(float).tolist(),
    )


def _last_steps(folder: Path) -> Iterator[tuple[str, int]]:
    """Yields (tag, step) of the event files in a folder, in order."""
    paths = sorted(folder.glob("events.out.tfevents.*"))
    if not paths:
        return
    # Imported on resume only: it is slow.
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    for path in paths:
        for event in LegacyEventFileLoader(str(path)).Load():
            for value in event.summary.value:
                yield value.tag, event.step
