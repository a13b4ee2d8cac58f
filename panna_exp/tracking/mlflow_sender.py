"""The process that sends a run's journal to MLflow while the run goes on.

``python -m panna_exp.tracking.mlflow_sender`` reads one line of JSON from its standard input (run
directory, store, launch directory) and follows the journal until the run is finished. When its
input closes, the training process is gone: what is left is sent, and a run that did not say how it
ended is marked FAILED. Exit code 0: everything was sent; 1: not, and the reason is on stderr.
"""

import json
import os
import select
import sys
import time
from pathlib import Path

_POLL_SECONDS = 0.3
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 10.0
_GIVE_UP_SECONDS = 30.0  # of trying in vain after the training has ended


def main() -> int:
    """Runs the sender; returns the exit code."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # The slow import first, while the training process is starting up as well.
    import mlflow.tracking  # noqa: F401

    line = sys.stdin.buffer.readline()
    if not line:
        return 0  # the run never began
    task = json.loads(line)
    return _follow(Path(task["run_dir"]), task["uri"], Path(task["launch_dir"]))


def _follow(run_dir: Path, uri: str, launch_dir: Path) -> int:
    """Sends what the journal gets until the run is finished or its process is gone."""
    from panna_exp.tracking.mlflow_store import Sender

    sender: Sender | None = None
    patience = _Patience()
    gone = False
    while True:
        gone = gone or _input_closed(_POLL_SECONDS)
        try:
            sender = sender or Sender(run_dir, uri, launch_dir)
            sender.send()
            if gone and not sender.finished:
                sender.mark_failed()
        except Exception as error:
            # Whatever a store or a network may throw: the record stays, and is tried again.
            if patience.is_spent(gone):
                print(_one_line(error), file=sys.stderr)
                return 1
            patience.wait()
            continue
        patience = _Patience()
        if sender.finished or gone:
            return 0


class _Patience:
    """Growing pauses between tries in vain."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._pause = _FIRST_WAIT

    def is_spent(self, gone: bool) -> bool:
        """Whether to give up: never while the training still runs."""
        return gone and time.monotonic() - self._since > _GIVE_UP_SECONDS

    def wait(self) -> None:
        """Sleeps, longer each time."""
        time.sleep(self._pause)
        self._pause = min(2 * self._pause, _LONGEST_WAIT)


def _input_closed(seconds: float) -> bool:
    """Whether the training process is gone; waits for up to ``seconds``."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(ready) and sys.stdin.buffer.readline() == b""


def _one_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:300] if text else ''}"


if __name__ == "__main__":
    sys.exit(main())
