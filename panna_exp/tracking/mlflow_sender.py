"""The process that sends a run's journal to MLflow while the run goes on.

The module, run as a program, reads two lines of JSON from its standard input: the
store, and, once the run begins, its directory. It follows the journal until the input closes: the
run is over, or its process is gone, and a run that did not say how it ended is marked FAILED. Exit
code 0: everything was sent; 1: not. The last line on stderr that begins with ``MARK`` says why
nothing can be sent at present, or ``ok``; other lines are MLflow's.
"""

import contextlib
import importlib
import json
import os
import select
import sys
import time
from pathlib import Path
from typing import Any

from panna_exp.errors import PannaExpError
from panna_exp.tracking.mlflow_store import exists_locally, explain, open_client, quiet

MARK = "panna_exp: "
OK = "ok"

_INPUT = 0
_POLL_SECONDS = 0.3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_LEAST_PATIENCE = 10.0  # seconds after the training has ended
# The training goes first: while it runs, sending takes a part of the time of one core only.
_NICENESS = 10
_SHARE = 0.2


def main() -> int:
    """Runs the sender; returns the exit code."""
    os.nice(_NICENESS)
    try:
        store = _read_line()
        _warm_up(store["uri"])
        run = _read_line()
        if not run:
            return 0  # the run never began
        return _follow(Path(run["run_dir"]), training=run["training"], **store)
    except ImportError as error:
        _tell(explain(error))
        return 1


def _warm_up(uri: str) -> None:
    """Does what is slow while the training process is starting up as well."""
    quiet()
    importlib.import_module("mlflow.tracking")
    if exists_locally(uri):
        # Opened again when there is something to send; why it fails is told then.
        with contextlib.suppress(Exception):
            open_client(uri)


def _follow(run_dir: Path, training: bool, uri: str, launch_dir: str, wait_seconds: float) -> int:
    """Sends what the journal gets until the run is finished or its process is gone."""
    from panna_exp.tracking.mlflow_delivery import BusyError, Delivery

    delivery: Delivery | None = None
    failing = False
    pause = _FIRST_PAUSE
    gone_since: float | None = None
    while True:
        try:
            # Looked at before sending: what the training wrote before it ended is then sent below.
            delivery = delivery or Delivery(run_dir, uri, Path(launch_dir))
            started = time.monotonic()
            if training and gone_since is None:
                delivery.goes_on()
            delivery.send()
            if gone_since is not None:
                delivery.mark_failed()
                return 0
            if failing:
                _tell(OK)
            failing = False
            pause = _FIRST_PAUSE
            wait = max(_POLL_SECONDS, (time.monotonic() - started) * (1 / _SHARE - 1))
        except Exception as error:
            # Whatever a store or a network may throw: the journal stays, and is tried again.
            failing = True
            _tell(explain(error))
            hopeless = isinstance(error, PannaExpError) and not isinstance(error, BusyError)
            if hopeless or _is_spent(gone_since, wait_seconds):
                return 1
            wait = pause
            pause = min(2 * pause, _LONGEST_PAUSE)
        if gone_since is not None:
            time.sleep(wait)
        elif _input_closed(wait):
            gone_since = time.monotonic()
            pause = _FIRST_PAUSE


def _is_spent(gone_since: float | None, wait_seconds: float) -> bool:
    """Whether to give up: never while the training still runs."""
    patience = max(wait_seconds, _LEAST_PATIENCE)
    return gone_since is not None and time.monotonic() - gone_since >= patience


def _tell(text: str) -> None:
    print(f"{MARK}{text}", file=sys.stderr, flush=True)


def _read_line() -> dict[str, Any]:
    """Returns a JSON line of the input, empty if it was closed; reads not one byte more."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(_INPUT, 1)
        if not byte:
            return {}
        line += byte
    values = json.loads(line)
    assert isinstance(values, dict)
    return values


def _input_closed(seconds: float) -> bool:
    """Whether the training process is done; waits for that for up to ``seconds``."""
    ready, _, _ = select.select([_INPUT], [], [], seconds)
    return bool(ready) and os.read(_INPUT, 1) == b""


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # leaving MLflow's modules behind in good order takes a third of a second
