"""Reasons to stop a training early: signals, and the time that it may take."""

import signal
import time
from types import FrameType, TracebackType
from typing import Any

from panna_exp.commands import STARTED

CTRL_C = 130
# EX_TEMPFAIL of sysexits.h, "try again": what a job script asks for before it queues the job again.
TRY_AGAIN = 75

# A signal may come twice, from the terminal and from the program that started this one.
_SAME_SECONDS = 0.5

_CODES = {signal.SIGINT: CTRL_C, signal.SIGTERM: TRY_AGAIN, signal.SIGUSR1: TRY_AGAIN}


class Interrupt:
    """While entered, the first signal sets ``requested``; a later one stops at once.

    Ctrl-C, and what queues send before a job's time is over: SIGTERM and SIGUSR1.

    Args:
        limit_seconds: Time since the program's start after which to stop; None: any time.

    Attributes:
        code: Exit code for the reason to stop.
        reason: In words.
    """

    def __init__(self, limit_seconds: float | None = None) -> None:
        self._until = None if limit_seconds is None else STARTED + limit_seconds
        self._limit = limit_seconds
        self._before: dict[int, Any] = {}
        self._first = 0.0
        self.code = 0
        self.reason = ""

    def requested(self) -> bool:
        """Whether to stop."""
        if not self.code and self._until is not None and time.monotonic() >= self._until:
            self.code = TRY_AGAIN
            self.reason = f"training.limit_seconds={self._limit:g} are over"
        return self.code != 0

    def __enter__(self) -> "Interrupt":
        for number in _CODES:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.code:
            if time.monotonic() < self._first + _SAME_SECONDS:
                return
            raise KeyboardInterrupt
        self._first = time.monotonic()
        self.code = _CODES[signal.Signals(number)]
        self.reason = f"got {signal.Signals(number).name}"
