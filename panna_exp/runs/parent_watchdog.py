"""joblib's processes end when the sweep that started them is gone.

A program that was killed would otherwise leave them behind for good: waiting for half a message
with all their memory, and with the terminal or pipe that they inherited.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from panna_exp.runs.signals import TRY_AGAIN

_SECONDS = 0.5  # between two looks
_GRACE = 60.0  # seconds for a checkpoint

_at_work = threading.Event()


@contextmanager
def at_work() -> Iterator[None]:
    """Within, this process has something to save before it ends with its program."""
    _at_work.set()
    try:
        yield
    finally:
        _at_work.clear()


def end_jobs_with_program(target: str) -> None:
    """Makes the processes that joblib starts from now on look after this one.

    Those of submitit go on: on Slurm they are not even on the same machine.

    Args:
        target: Class of the launcher.
    """
    if "joblib" not in target:
        return
    from joblib import register_parallel_backend
    from joblib.parallel import BACKENDS

    backend: Any = BACKENDS["loky"]
    if hasattr(backend, "ends_with_program"):
        return

    class Backend(backend):  # type: ignore[misc]
        """joblib's own, whose processes begin by watching."""

        ends_with_program = True

        def configure(self, *args: Any, **options: Any) -> Any:
            return super().configure(
                *args, initializer=_start_watchdog, initargs=(os.getpid(),), **options
            )

    register_parallel_backend("loky", Backend)


def _start_watchdog(program: int) -> None:
    threading.Thread(target=_end_with, args=(program,), daemon=True).start()


def _end_with(program: int) -> None:
    while os.getppid() == program:
        time.sleep(_SECONDS)
    if _at_work.is_set():
        os.kill(os.getpid(), signal.SIGTERM)  # a training saves a checkpoint
        end = time.monotonic() + _GRACE
        while _at_work.is_set() and time.monotonic() < end:
            time.sleep(_SECONDS)
    os._exit(TRY_AGAIN)
