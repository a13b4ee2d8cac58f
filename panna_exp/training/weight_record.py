"""How weights and biases are spread, epoch by epoch: ``weights.jsonl`` in the run directory."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.files import parse_json, write_text_atomic
from panna_exp.records import RecordFile, whole_lines

NAME = "weights.jsonl"
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
# Of larger layers every n-th element is looked at, and smallest and largest of all: an epoch of the
# tutorial has 30 ms, of which this may take little.
_MOST_ELEMENTS = 1024
_INNER = np.array(QUANTILES[1:-1])


class WeightRecord:
    """Appends the quantiles of every layer; steps that are in the file already are passed over.

    Args:
        run_dir: The run directory; a last line cut short by a kill is dropped.
    """

    def __init__(self, run_dir: Path) -> None:
        path = run_dir / NAME
        records = read_weight_record(run_dir)
        self._last_step = records[-1]["step"] if records else -1
        write_text_atomic(path, "".join(json.dumps(record) + "\n" for record in records))
        self._file = RecordFile(path)

    def append(self, epoch: int, step: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Adds the layers after an epoch, by name (``H.0.weights``)."""
        if step <= self._last_step:
            return
        values = {name: _quantiles(array) for name, array in arrays.items()}
        line = json.dumps({"epoch": epoch, "step": step, "quantiles": values})
        self._file.append(f"{line}\n")
        self._last_step = step


def read_weight_record(run_dir: Path) -> list[dict[str, Any]]:
    """Returns the whole lines of the file: epoch, step and quantiles by layer; empty without it."""
    records = []
    for line in whole_lines(run_dir / NAME):
        try:
            record = parse_json(line)
        except ValueError:
            break
        if not isinstance(record, dict) or set(record) != {"epoch", "step", "quantiles"}:
            break
        if not isinstance(record["step"], int) or not isinstance(record["quantiles"], dict):
            break
        records.append(record)
    return records


def _quantiles(array: NDArray[Any]) -> list[float]:
    """Returns them with six digits; numpy's own function takes four times as long."""
    flat = array.ravel()
    every = max(1, flat.size // _MOST_ELEMENTS) | 1  # odd: not always the same columns
    ordered = np.sort(flat[::every])
    places = _INNER * (len(ordered) - 1)
    below = places.astype(np.int64)
    low = ordered[below].astype(np.float64)
    high = ordered[np.minimum(below + 1, len(ordered) - 1)]
    inner = low + (places - below) * (high - low)
    values = [flat.min(), *inner.tolist(), flat.max()]
    return [float(f"{value:.6g}") for value in values]
