"""Reasons to stop early: signals, and the time that a training may take.

From the program's first line on (:func:`stoppable`) one handler makes a :class:`Stopped` of each:
it is raised, except in the loop of a training (:class:`Interrupt`), which looks at it after each
step.
"""

import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from panna_exp.runs import STARTED

CTRL_C = 130
# EX_TEMPFAIL of sysexits.h, "try again": what a job script asks for before it queues the job again.
TRY_AGAIN = 75

# A signal may come twice, from the terminal and from the program that started this one.
_SAME_SECONDS = 0.5
_COMPILER = re.compile(r"/(numba/core|llvmlite)/")
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
    """What came in this process."""

    def __init__(self) -> None:
        self.at = -_SAME_SECONDS  # when the last signal came
        self.first: Stopped | None = None  # outside of loops
        self.ctrl_c = False  # which waits
        self.limit: float | None = None
        self.loop: Interrupt | None = None  # that runs


_received = _Received()
_callbacks: list[Callable[[], None]] = []


@contextmanager
def stoppable() -> Iterator[None]:
    """Within the block SIGTERM and SIGUSR1 raise :class:`Stopped`; blocks may be nested.

    Ctrl-C raises KeyboardInterrupt as ever. All of them wait for imports and for numba's compiler.
    """
    if signal.getsignal(signal.SIGTERM) == _stop:
        yield
        return
    _received.first = None
    _received.ctrl_c = False
    before = {number: signal.signal(number, _stop) for number in (*_QUEUE, signal.SIGALRM)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # it may be ignored
        before[signal.SIGINT] = signal.signal(signal.SIGINT, _interrupt)
    hook = sys.unraisablehook
    sys.unraisablehook = lambda lost: _unraisable(lost, hook)
    try:
        yield
        check_stopped()
    finally:
        sys.unraisablehook = hook
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
        KeyboardInterrupt: There was a Ctrl-C that waits.
    """
    if _received.ctrl_c:
        _received.ctrl_c = False
        raise KeyboardInterrupt
    if _received.first is not None:
        raise _received.first


def _interrupt(number: int, frame: FrameType | None) -> None:
    _received.ctrl_c = _cannot_end(frame)
    if not _received.ctrl_c:
        raise KeyboardInterrupt
    signal.setitimer(signal.ITIMER_REAL, _SOON)  # looks again


def _stop(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGALRM and _received.ctrl_c:
        _interrupt(number, frame)
        return
    loop = _received.loop
    if number == signal.SIGALRM:
        stopped = _received.first or Stopped(TRY_AGAIN, _over(_received.limit or 0.0))
    else:
        now = time.monotonic()
        if now < _received.at + _SAME_SECONDS:
            return
        _received.at = now
        again = " again" if loop is not None and loop.stopped is not None else ""
        name = signal.Signals(number).name
        stopped = Stopped(_CODES[signal.Signals(number)], f"got {name}{again}")
    if loop is not None:
        if loop.stopped is not None:
            raise stopped
        loop.stopped = stopped
        return
    if _received.first is None:
        _received.first = stopped
    if _cannot_end(frame):
        signal.setitimer(signal.ITIMER_REAL, _SOON)  # looks again
        return
    while _callbacks:
        _callbacks.pop()()
    raise stopped


def _unraisable(
    lost: "sys.UnraisableHookArgs", hook: Callable[["sys.UnraisableHookArgs"], object]
) -> None:
    """Called where nothing can be raised, in ``__del__`` or a weak reference's callback."""
    if isinstance(lost.exc_value, Stopped):
        signal.setitimer(signal.ITIMER_REAL, _SOON)  # raises it again
    else:
        hook(lost)


def _cannot_end(frame: FrameType | None) -> bool:
    """Whether something runs that an exception does not end, but breaks.

    Torch's imports end the process for any exception in them; numba's compiler calls Python from
    where nothing can be raised, and then misses what it was to get.
    """
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib") or _COMPILER.search(name):
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
    """While entered, a loop looks at the first signal after each step; a later one ends it at once.

    Of Ctrl-C, and of what queues send before a job's time is over: SIGTERM and SIGUSR1.

    Args:
        limit_seconds: Time after which to stop; None: any time.
        started: Since when it counts; None: the program's start.
        signals: Whether any are received, which only a program's main thread can.

    Attributes:
        stopped: The reason to stop, with its exit code; None: there is none.
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
        self._entered = ExitStack()
        self.stopped: Stopped | None = None

    def requested(self) -> bool:
        """Whether to stop."""
        if self.stopped is None and self._until is not None and time.monotonic() >= self._until:
            self.stopped = Stopped(TRY_AGAIN, _over(self._limit or 0.0))
        return self.stopped is not None

    def __enter__(self) -> "Interrupt":
        if self._signals:
            check_stopped()
            self._entered.enter_context(stoppable())
            signal.setitimer(signal.ITIMER_REAL, 0)  # the clock is looked at instead
            _received.loop = self
            self._entered.callback(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
            signal.signal(signal.SIGINT, _stop)
        return self

    def __exit__(self, *raised: object) -> None:
        if self._signals:
            _received.loop = None
            self._entered.close()
            if self.stopped is None:
                _set_timer()
