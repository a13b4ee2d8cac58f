"""The energy errors of logged steps, as PANNA 1.x leaves them in the training directory.

``delta_e.dat`` has one line per logged step with the batch's errors, ``delta_e_std.dat`` with their
mean, mean magnitude and standard deviation (eV, eight decimals). PANNA does not say which step a
line is of; ``delta_e_steps.dat`` does.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panna_exp.errors import DataError
from panna_exp.files import write_text_atomic
from panna_exp.records import RecordFile, whole_lines

ERRORS, STATISTICS, STEPS = "delta_e.dat", "delta_e_std.dat", "delta_e_steps.dat"
_NAMES = (ERRORS, STATISTICS, STEPS)


class DeltaFiles:
    """Appends to the three files.

    Args:
        folder: The run directory.
        step: Where the training starts: lines of later steps, which it makes again, are dropped,
            and so are lines that a kill cut short.

    Raises:
        DataError: A line of ``delta_e_steps.dat`` is not a step.
    """

    def __init__(self, folder: Path, step: int) -> None:
        paths = [folder / name for name in _NAMES]
        lines = [whole_lines(path) for path in paths]
        count = min(map(len, lines))
        steps = _steps(paths[2], lines[2][:count])
        kept = sum(1 for item in steps if item <= step)
        for path, found in zip(paths, lines, strict=True):
            write_text_atomic(path, "".join(f"{line}\n" for line in found[:kept]))
        self._files = [RecordFile(path) for path in paths]

    def append(self, step: int, delta: NDArray[np.float64]) -> None:
        """Adds the errors [S] (eV) of a step's batch."""
        statistics = (delta.mean(), np.abs(delta).mean(), delta.std())
        lines = (_numbers(delta), _numbers(statistics), str(step))
        for file, line in zip(self._files, lines, strict=True):
            file.append(f"{line}\n")


def _numbers(values: NDArray[np.float64] | tuple[np.float64, ...]) -> str:
    return " ".join(f"{value:.8f}" for value in values)


def _steps(path: Path, lines: list[str]) -> list[int]:
    for number, line in enumerate(lines, start=1):
        if not line.isdigit():
            raise DataError(f"{path}:{number}: '{line[:40]}', expected the number of a step")
    return [int(line) for line in lines]
