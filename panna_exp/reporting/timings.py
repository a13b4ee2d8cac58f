"""How long a run took, and its learning rates, from the lines of its train.log."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from panna_exp.reporting.records import Metrics
from panna_exp.reporting.run import time_of
from panna_exp.run_files import LOG

_CONTINUE = re.compile(r" continuing from \S*step_(\d+)\S*: ")
_BEGIN = re.compile(r" training to epoch \d+ of \d+ steps ")
_EPOCH = re.compile(r" epoch (\d+), step (\d+): ")
_RATE = re.compile(r" epoch (\d+), step \d+: .*, learning rate ([\d.e+-]+)$")
LEARNING_RATE = "learning rate"  # beside the columns of metrics.dat, whose layout is PANNA's


@dataclass(slots=True, kw_only=True)
class Timings:
    """Sums over the sessions of a run, each from its start to the end of its last epoch.

    Args:
        sessions: How often training was started or continued.
        steps: Made in whole epochs.
        seconds: That those took, validation included.
        last: Time of the last message.
    """

    sessions: int = 0
    steps: int = 0
    seconds: float = 0.0
    last: datetime | None = None

    @property
    def rate(self) -> float | None:
        """Steps per second, None where there is no complete epoch."""
        return self.steps / self.seconds if self.steps and self.seconds > 0 else None


@dataclass(slots=True)
class _Session:
    began: datetime
    first_step: int
    last_step: int = 0
    last: datetime | None = None


def read_timings(path: Path) -> Timings:
    """Reads the log of a run directory; without one there is nothing known.

    Raises:
        OSError: The log cannot be read.
    """
    timings = Timings()
    session: _Session | None = None
    step = 0
    if not (path / LOG).exists():
        return timings
    with (path / LOG).open(errors="replace") as file:
        for line in file:
            moment = time_of(line)
            if moment is None:
                continue
            timings.last = moment
            if continued := _CONTINUE.search(line):
                step = int(continued[1])
            elif _BEGIN.search(line):
                _close(timings, session)
                timings.sessions += 1
                session, step = _Session(moment, step), 0
            elif session is not None and (epoch := _EPOCH.search(line)):
                session.last, session.last_step = moment, int(epoch[2])
    _close(timings, session)
    return timings


def with_learning_rates(metrics: Metrics, path: Path) -> Metrics:
    """Returns metrics with the learning rates of the log in ``path``, NaN where it has none.

    Raises:
        OSError: The log cannot be read.
    """
    if not (path / LOG).exists():
        return metrics
    rates: dict[int, float] = {}
    with (path / LOG).open(errors="replace") as file:
        for line in file:
            if found := _RATE.search(line.rstrip()):
                rates[int(found[1])] = float(found[2])
    if not rates:
        return metrics
    column = np.array([rates.get(int(epoch), np.nan) for epoch in metrics.epochs])
    return replace(metrics, columns={**metrics.columns, LEARNING_RATE: column})


def _close(timings: Timings, session: _Session | None) -> None:
    if session is None or session.last is None:
        return
    timings.steps += max(0, session.last_step - session.first_step)
    timings.seconds += (session.last - session.began).total_seconds()
