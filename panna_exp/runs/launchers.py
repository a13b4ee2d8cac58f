"""What a sweep does beside Hydra's launchers, which know nothing of its jobs."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from panna_exp.errors import DataError
from panna_exp.run_files import RESULT
from panna_exp.runs.sweep import FAILED, failure_line, read_result

_POLL_SECONDS = 0.3


@contextmanager
def failures_named(folder: Path, target: str) -> Iterator[None]:
    """Within the block jobs that fail are named at once, if they cannot do so themselves.

    Args:
        folder: Of the sweep.
        target: Class of the launcher; jobs of submitit write into files of their own.
    """
    if "submitit" not in target:
        yield
        return
    watch = _Watch(folder)
    watch.start()
    try:
        yield
    finally:
        watch.end()


class _Watch(threading.Thread):
    """Looks for results of jobs that have failed, other than those that are there before."""

    def __init__(self, folder: Path) -> None:
        super().__init__(name="failed jobs", daemon=True)
        self._folder = folder
        self._over = threading.Event()
        self._seen = {path: path.stat().st_mtime_ns for path in folder.glob(f"*/{RESULT}")}

    def run(self) -> None:
        """Looks now and then, and once more at the end."""
        while not self._over.wait(_POLL_SECONDS):
            self._look()
        self._look()

    def end(self) -> None:
        """Names what is left, and ends."""
        self._over.set()
        self.join()

    def _look(self) -> None:
        for path in sorted(self._folder.glob(f"*/{RESULT}")):
            with suppress(FileNotFoundError):  # replaced meanwhile: the next look sees it
                written = path.stat().st_mtime_ns
                if self._seen.get(path) == written:
                    continue
                self._seen[path] = written
                self._tell(path.parent)

    def _tell(self, run_dir: Path) -> None:
        try:
            result = read_result(run_dir)
        except DataError:
            return  # no result of ours: the summary says so
        if result is not None and result["status"] == FAILED:
            print(failure_line(result), file=sys.stderr, flush=True)


def start_tracker_of_joblib(target: str) -> None:
    """Starts the process in which joblib counts files and locks so that SIGUSR1 spares it.

    A queue sends the signal to all processes; without that one, joblib prints tracebacks.

    Args:
        target: Class of the launcher.
    """
    if "joblib" not in target:
        return
    with suppress(ImportError):  # another version of it
        from joblib.externals.loky.backend.resource_tracker import ensure_running

        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        try:
            ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
