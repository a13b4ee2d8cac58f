"""Reasons to stop early: signals, and the time that a training may take.

In the loop of a training :class:`Interrupt` ends it after the present step. Everywhere else, from
the program's first line on, :func:`stoppable` ends what is done by raising :class:`Stopped`.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from panna_exp.runs import STARTED

CTRL_C = 130
# EX_TEMPFAIL of sysexits.h, "try again": what a job script asks for before it queues the job again.
TRY_AGAIN = 75

# A signal may come twice, from the terminal and from the program that started this one.
_SAME_SECONDS = 0.5
_SOON = 0.02  # a timer of 0 seconds would never go off

_QUEUE = (signal.SIGTERM, signal.SIGUSR1)  # what queues send before a job's time is over
_CODES = {signal.SIGINT: CTRL_C, **dict.fromkeys(_QUEUE, TRY_AGAIN)}


class Stopped(KeyboardInterrupt):
    """The program is to end, with everything that it does: as after Ctrl-C, with another code.

    Args:
        code: Exit code that says so.
        reason: In words; empty where it has been said.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)  # both, so that it can be pickled
        self.code, self.reason = code, reason


class _Received:
    """What came outside of loops of trainings, in this process."""

    def __init__(self) -> None:
        self.at = -_SAME_SECONDS  # when the last signal came, also one that came in a loop
        self.first: Stopped | None = None
        self.limit: float | None = None


_received = _Received()
_callbacks: list[Callable[[], None]] = []


@contextmanager
def stoppable() -> Iterator[None]:
    """Within the block SIGTERM and SIGUSR1 raise :class:`Stopped`; blocks may be nested."""
    if signal.getsignal(signal.SIGTERM) == _stop:
        yield
        return
    _received.first = None
    before = {number: signal.signal(number, _stop) for number in (*_QUEUE, signal.SIGALRM)}
    try:
        yield
        check_stopped()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Within the block :class:`Stopped` is raised so long after the program's start; None: never.

    Only in a block of :func:`stoppable`.
    """
    if seconds is None:
        yield
        return
    check_stopped()
    _received.limit = seconds
    _set_timer()
    try:
        yield
    finally:
        _received.limit = None
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def told_first(callback: Callable[[], None]) -> Iterator[None]:
    """Within the block ``callback`` is called for the first signal, before anything ends."""
    _callbacks.append(callback)
    try:
        yield
    finally:
        if callback in _callbacks:  # not called
            _callbacks.remove(callback)


def check_stopped() -> None:
    """Ends the program now if a signal came whose exception something has taken for its own.

    Waiting for MLflow ends with any interrupt, and libraries may catch one.

    Raises:
        Stopped: There was one.
    """
    if _received.first is not None:
        raise _received.first


def _stop(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGALRM:
        stopped = _received.first or Stopped(TRY_AGAIN, _over(_received.limit or 0.0))
    else:
        now = time.monotonic()
        if now < _received.at + _SAME_SECONDS:
            return
        _received.at = now
        stopped = Stopped(TRY_AGAIN, f"got {signal.Signals(number).name}")
    if _received.first is None:
        _received.first = stopped
    if _is_importing(frame):
        signal.setitimer(signal.ITIMER_REAL, _SOON)  # looks again
        return
    while _callbacks:
        _callbacks.pop()()
    raise stopped


def _is_importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported: torch's ends the process for any exception in it."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _set_timer() -> None:
    if _received.limit is not None:
        left = STARTED + _received.limit - time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, max(left, _SOON))


def _over(limit: float) -> str:
    return f"training.limit_seconds={limit:g} are over"


class Interrupt:
    """While entered, the first signal sets ``requested``; a later one stops at once.

    Ctrl-C, and what queues send before a job's time is over: SIGTERM and SIGUSR1.

    Args:
        limit_seconds: Time after which to stop; None: any time.
        started: Since when it counts; None: the program's start.
        signals: Whether any are received, which only a program's main thread can.

    Attributes:
        code: Exit code for the reason to stop.
        reason: In words.
    """

    def __init__(
        self,
        limit_seconds: float | None = None,
        started: float | None = None,
        *,
        signals: bool = True,
    ) -> None:
        since = STARTED if started is None else started
        self._until = None if limit_seconds is None else since + limit_seconds
        self._signals = signals
        self._limit = limit_seconds
        self._before: dict[int, Any] = {}
        self.code = 0
        self.reason = ""

    def requested(self) -> bool:
        """Whether to stop."""
        if not self.code and self._until is not None and time.monotonic() >= self._until:
            self.code = TRY_AGAIN
            self.reason = _over(self._limit or 0.0)
        return self.code != 0

    def __enter__(self) -> "Interrupt":
        if not self._signals:
            return self
        check_stopped()
        signal.setitimer(signal.ITIMER_REAL, 0)  # the clock is looked at instead
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
        if self._signals and not self.code:
            _set_timer()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.code:
            if now < _received.at + _SAME_SECONDS:
                return
            name = signal.Signals(number).name
            raise Stopped(_CODES[signal.Signals(number)], f"got {name} again")
        _received.at = now
        self.code = _CODES[signal.Signals(number)]
        self.reason = f"got {signal.Signals(number).name}"
