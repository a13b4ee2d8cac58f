"""Reads the files of a run directory: JSON, YAML and metrics.dat, each mistake as one line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from panna_exp.data.structures import Floats, Ints
from panna_exp.errors import DataError
from panna_exp.files import parse_json
from panna_exp.masking import masked_values

EPOCH = "epoch"
STEP = "tot_st"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The E epochs of metrics.dat.

    Args:
        epochs: [E] counted from 1.
        columns: [E] values of each column, by PANNA's names: ``MAE/at``, ``val_MAE/at``, ...
    """

    epochs: Ints
    columns: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.epochs)

    @property
    def last_step(self) -> int:
        """Steps at the end of the last epoch, 0 before there is one or where the file lacks it."""
        steps = self.columns.get(STEP)
        return int(steps[-1]) if steps is not None and len(steps) else 0


NO_METRICS = Metrics(epochs=np.zeros(0, dtype=np.int64), columns={})


def read_json(path: Path, expected: type[dict[str, Any]] | type[list[Any]]) -> Any:
    """Returns the object or list in a JSON file.

    Raises:
        DataError: It is not JSON, or something else than expected.
        OSError: It cannot be read.
    """
    try:
        value = parse_json(path.read_bytes())
    except ValueError as error:  # JSON's own, and bytes that are not UTF-8
        raise DataError(f"{path}: is not JSON: {_one_line(error)}") from None
    if not isinstance(value, expected):
        wanted = "an object" if expected is dict else "a list"
        raise DataError(f"{path}: expected {wanted}, found {type(value).__name__}")
    return masked_values(value)  # of runs whose records still had it


def read_yaml(path: Path) -> dict[str, Any]:
    """Returns the mapping in a YAML file.

    Raises:
        DataError: It is no YAML, or no mapping.
        OSError: It cannot be read.
    """
    try:
        value = yaml.safe_load(path.read_bytes())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not YAML: {_one_line(error)}") from None
    if not isinstance(value, dict):
        raise DataError(f"{path}: expected a mapping of keys, found {type(value).__name__}")
    return {key: masked_values(item) for key, item in value.items()}


def read_metrics(path: Path) -> Metrics:
    """Reads metrics.dat; a last line that is not ended is being written, or was cut by a kill.

    Raises:
        DataError: Names the line that does not fit.
        OSError: The file cannot be read.
    """
    try:
        text = path.read_text()
    except ValueError:
        raise DataError(f"{path}: is not text") from None
    lines = text[: text.rfind("\n") + 1].splitlines()
    if not lines:
        return NO_METRICS
    header = lines[0].split()
    if header[:1] != [EPOCH]:
        raise DataError(f"{path}: line 1: expected a header that starts with 'epoch'")
    rows = [_row(path, number, line, len(header)) for number, line in enumerate(lines[1:], 2)]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(header))
    return Metrics(
        epochs=table[:, 0].astype(np.int64) + 1,
        columns={name: table[:, column] for column, name in enumerate(header) if column},
    )


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields (dotted key, value) of nested values; empty groups keep their key."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def group(values: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """Returns the mapping at ``key``, an empty one where there is none or null.

    Raises:
        DataError: There is something else.
    """
    found = values.get(key)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise DataError(f"{where}: '{key}': expected a group of keys, found {found!r:.60}")
    return found


def _row(path: Path, number: int, line: str, width: int) -> list[float]:
    cells = line.split()
    if len(cells) != width:
        raise DataError(f"{path}: line {number}: has {len(cells)} columns, the header {width}")
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        values = [np.nan]
    if not values[0].is_integer():
        raise DataError(f"{path}: line {number}: expected an epoch and numbers, found '{line:.40}'")
    return values


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
