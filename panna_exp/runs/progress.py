"""Progress on the terminal: a live bar where somebody watches, plain lines elsewhere."""

import logging
import sys
import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from panna_exp.training import metrics

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LINES = 2.0
_REDRAW_SECONDS = 0.2
_WIDE, _BAR, _NARROW_BAR = 110, 24, 8  # columns of a terminal
_BESIDE = 13  # the slash of the steps, the time left, and blanks between


class TrainingDisplay:
    """Shows step, loss, MAE/atom, steps/s and the time left while a training runs.

    Args:
        first: Step it starts from.
        last: Step it ends at.
    """

    def __init__(self, first: int, last: int) -> None:
        self._first, self._last = first, last
        self._start = time.perf_counter()
        self._values = ""
        self._rate: float | None = None
        self._next_redraw = 0.0
        self._next_line = 0.0
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            console = Console(stderr=True)
            width = _BAR if console.width >= _WIDE else _NARROW_BAR
            # What must be readable comes first; of the rest there is what a narrow terminal holds.
            self._columns_left = max(0, console.width - width - 2 * len(str(last)) - _BESIDE)
            self._bar = Progress(
                BarColumn(bar_width=width),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[values]}", markup=False),
                console=console,
                auto_refresh=False,
            )
            self._task = self._bar.add_task("", total=last, completed=first, values="")

    def __enter__(self) -> "TrainingDisplay":
        self._start = time.perf_counter()
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, step: int) -> None:
        """A step was made; redraws a few times per second at most."""
        if self._bar is None:
            return
        now = time.perf_counter()
        if now >= self._next_redraw or step == self._last:
            self._next_redraw = now + _REDRAW_SECONDS
            rate = (step - self._first) / max(now - self._start, 1e-9)
            shown = f"{rate:.0f} steps/s  {self._values}"[: self._columns_left]
            self._bar.update(self._task, completed=step, values=shown, refresh=True)

    def values(self, values: Mapping[str, float]) -> None:
        """New training metrics to show."""
        self._rate = values.get("learning_rate")
        mae = values[metrics.ENERGY_MAE] * 1000
        self._values = f"MAE {mae:.2f} meV/atom"
        if metrics.FORCE_MAE in values:
            self._values += f"  forces {values[metrics.FORCE_MAE]:.4f} eV/A"
        self._values += f"  loss {values[metrics.LOSS]:.3g}"

    def epoch(
        self, epoch: int, step: int, train: Mapping[str, float], validation: Mapping[str, float]
    ) -> None:
        """An epoch ended: a line in the log, and on the terminal now and then, above the bar."""
        text = f"epoch {epoch}, step {step}: loss {train[metrics.LOSS]:.4g}, MAE {_errors(train)}"
        if validation:
            text += f", validation MAE {_errors(validation)}"
        if self._rate is not None:
            text += f", learning rate {self._rate:.4g}"
        now = time.perf_counter()
        quiet = now < self._next_line and step != self._last
        if not quiet:
            self._next_line = now + _SECONDS_BETWEEN_LINES
        if self._bar is not None and not quiet:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        logger.info(text, extra={"file_only": quiet or self._bar is not None})


def _errors(values: Mapping[str, float]) -> str:
    text = f"{values[metrics.ENERGY_MAE] * 1000:.2f} meV/atom"
    if metrics.FORCE_MAE in values:
        text += f" and {values[metrics.FORCE_MAE]:.4f} eV/A"
    return text


class DescriptorDisplay:
    """A bar for descriptors that take more than a moment to compute."""

    def __init__(self, label: str = "descriptors") -> None:
        self._label = label
        self._start = time.perf_counter()
        self._bar: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        """``done`` of ``total`` structures are finished."""
        if self._bar is None:
            if not sys.stderr.isatty() or time.perf_counter() - self._start < 1.0:
                return
            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(self._label, total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)
        if done >= total:
            self._bar.stop()
            self._bar = None
