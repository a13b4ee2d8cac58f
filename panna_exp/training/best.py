"""Which epoch of a training is the best: one definition for training, records and tables.

The best epoch is the last whose monitored value (``training.monitor``, of the validation data) is
lower than that of the best before it by more than ``training.min_delta``.
"""

import math
from collections.abc import Iterable

from panna_exp.quantities import QUANTITIES


def improves(value: float, best: float, min_delta: float = 0.0) -> bool:
    """Whether an epoch's value makes it the best so far; what is no number does not.

    Args:
        value: Of the epoch.
        best: The lowest that counted so far, infinite before the first.
        min_delta: By how much it must fall.
    """
    return value < best - min_delta


def best_role(monitor: str) -> str:
    """Returns what the best checkpoint is called: ``best by validation loss``."""
    label = QUANTITIES[monitor].label if monitor in QUANTITIES else monitor
    return f"best by validation {label}"


def best_index(values: Iterable[float], min_delta: float = 0.0) -> int | None:
    """Returns the number of the best epoch, from 0; None where no value is a number.

    Args:
        values: Of one epoch after the other.
        min_delta: By how much a value must fall to count.
    """
    best, found = math.inf, None
    for index, value in enumerate(values):
        if improves(value, best, min_delta):
            best, found = value, index
    return found
