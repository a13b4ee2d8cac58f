"""The run's own record of its metrics: metrics.dat, one line per epoch, in PANNA's layout."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from panna_exp.errors import DataError
from panna_exp.files import write_text_atomic
from panna_exp.records import RecordFile, whole_lines
from panna_exp.training import metrics


class MetricsFile:
    """Appends an epoch's line unless the file has it: steps redone after a kill replace nothing.

    Args:
        path: ``metrics.dat``; a last line cut short by a kill is dropped.
        chosen: ``MAE``, ``RMSE``, ``loss``.
        with_validation: Whether there are ``val_`` columns.
        with_forces: Whether there are columns of forces.
        with_virials: Whether there are columns of virials.
    """

    def __init__(
        self,
        path: Path,
        chosen: Sequence[str],
        with_validation: bool,
        with_forces: bool = False,
        with_virials: bool = False,
    ) -> None:
        self._columns = metrics.columns(chosen, with_validation, with_forces, with_virials)
        self._last_epoch = -1
        header = " ".join(["epoch", *self._columns])
        lines = whole_lines(path)
        if lines and lines[0] != header:
            path.rename(_free_name(path))
            lines = []
        if lines[1:]:
            self._last_epoch = _epoch(path, lines[-1])
        write_text_atomic(path, "".join(f"{line}\n" for line in lines or [header]))
        self._file = RecordFile(path)

    def append(
        self, epoch: int, train: Mapping[str, float], validation: Mapping[str, float], step: int
    ) -> None:
        """Adds the line of an epoch, counted from 1 (the file counts from 0, as PANNA's does)."""
        if epoch - 1 <= self._last_epoch:
            return
        values = metrics.row(train, validation, step)
        text = " ".join([str(epoch - 1), *(_format(values.get(name)) for name in self._columns)])
        self._file.append(f"{text}\n")
        self._last_epoch = epoch - 1

    def sync(self) -> None:
        """Has the lines on the disk: before a checkpoint, from which they are not made again."""
        self._file.sync()


def _format(value: float | None) -> str:
    return "nan" if value is None else repr(value)


def _epoch(path: Path, line: str) -> int:
    first = line.split(" ", 1)[0]
    if not (first.isascii() and first.isdigit()):
        raise DataError(f"{path}: the last line starts with '{first}', expected an epoch number")
    return int(first)


def _free_name(path: Path) -> Path:
    """A name for a metrics file of other columns, which is kept."""
    number = 1
    while (candidate := path.with_name(f"{path.stem}_{number}{path.suffix}")).exists():
        number += 1
    return candidate
