"""MLflow without MLflow: training writes a journal, a process of its own sends it.

The training process never imports mlflow, so the loop pays for one line in a file a logged point,
and a store that is slow, locked or away costs nothing but a later delivery.
"""

import contextlib
import importlib.util
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from panna_exp.tracking import journal
from panna_exp.tracking.base import Model, RunInfo, RunStatus
from panna_exp.tracking.journal import Journal
from panna_exp.tracking.mlflow_delivery import State
from panna_exp.tracking.mlflow_sender import MARK, OK
from panna_exp.tracking.mlflow_store import choose_uri, public, ui_lines
from panna_exp.tracking.system import SystemMetrics

logger = logging.getLogger(__name__)

_QUIET_SECONDS = 1.0

# Finds the package where this process has it, installed or not, and nothing else in that folder: a
# user's select.py beside a checkout must not take the place of Python's.
_START = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
import panna_exp
sys.path.pop(0)
runpy.run_module("panna_exp.tracking.mlflow_sender", run_name="__main__", alter_sys=True)
"""
_PACKAGE_FOLDER = Path(__file__).resolve().parents[2]


class MlflowTracker:
    """Records a run in MLflow.

    Args:
        uri: The store, or None for MLFLOW_TRACKING_URI or ``mlflow.db`` in the launch directory.
        launch_dir: Where the user started.
        wait_seconds: How long the end of the run waits for the sender.
        system: Metrics of the machine to record besides, or None.

    Raises:
        PannaExpError: The store is of a kind that MLflow no longer opens.
    """

    wants_histograms = False

    def __init__(
        self,
        uri: str | None,
        launch_dir: Path,
        wait_seconds: float,
        system: SystemMetrics | None = None,
    ) -> None:
        self._launch_dir = launch_dir.resolve()
        self._uri = choose_uri(uri, self._launch_dir)
        self._wait_seconds = wait_seconds
        self._system = system
        self._sender: _Sender | None = None
        self._journal: Journal | None = None
        self._run_dir: Path | None = None
        self._warned = False
        self._replaced = False

    def prepare(self) -> None:
        """Starts the sender, so that its slow start-up runs beside our own."""
        if importlib.util.find_spec("mlflow") is None:
            logger.warning("mlflow is not installed (pip install mlflow): the record is only kept")
            self._warned = True
        self._sender = _Sender(self._uri, self._launch_dir, self._wait_seconds)

    def start(self, run: RunInfo) -> None:
        """Opens the journal and points the sender at it."""
        assert self._sender is not None
        self._run_dir = run.run_dir
        self._journal = Journal(run.run_dir / journal.NAME)
        store = {"uri": public(self._uri), "launch_dir": str(self._launch_dir)}
        self._journal.start(run, store)
        self._sender.begin(run.run_dir)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Adds values to the journal, now and then the machine's as well."""
        assert self._journal is not None
        self._journal.log(step, metrics)
        sample = self._system.due() if self._system is not None else None
        if sample:
            self._journal.log(step, sample)

    def histograms(self, step: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Not wanted."""

    def flush(self) -> None:
        """Writes what the journal holds back; notices a sender that has ended."""
        if self._journal is not None:
            self._journal.flush()
            self._check_sender()

    def save(self, path: Path, folder: str = "") -> None:
        """Has a file of the run directory sent."""
        assert self._journal is not None
        assert self._run_dir is not None
        self._journal.save(os.path.relpath(path.resolve(), self._run_dir.resolve()), folder)

    def save_model(self, model: Model) -> None:
        """Has a potential sent."""
        assert self._journal is not None
        assert self._run_dir is not None
        folder = os.path.relpath(model.folder.resolve(), self._run_dir.resolve())
        self._journal.save_model(folder, model)

    def finish(self, status: RunStatus) -> None:
        """Ends the journal and waits for the sender, up to ``wait_seconds``."""
        assert self._journal is not None
        self._journal.finish(status)
        sender = self._check_sender()
        sender.end()
        try:
            code = self._wait_for(sender)
        except KeyboardInterrupt:
            code = None  # the user does not want to wait
        reason = sender.reason()
        if code is None and reason:
            sender.stop()  # it tries in vain, and would be in the way of panna-exp sync
        if code != 0:
            self._warn(reason or "it has not taken everything yet, a process goes on with it")

    def where(self) -> list[str]:
        """How to look at the run in MLflow."""
        if self._run_dir is None:
            return []
        state = State.load(self._run_dir, self._uri)
        if not state.run_id:
            return []
        lines = ui_lines(self._uri, state.experiment_id, state.run_id, self._launch_dir)
        if state.model:
            lines.append(f"model:        mlflow.pyfunc.load_model('{state.model}')")
        return lines

    def close(self) -> None:
        """Lets the sender see that this process is done with it."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._sender is not None:
            if self._run_dir is None:
                self._sender.stop()
            self._sender.close()
            self._sender = None

    def _check_sender(self) -> "_Sender":
        """Replaces a sender that was killed, perhaps for want of memory; warns of other ends."""
        assert self._sender is not None
        assert self._run_dir is not None
        code = self._sender.wait(0.0)
        if code is not None and code < 0 and not self._replaced:
            self._replaced = True
            self._sender.close()
            self._sender = _Sender(self._uri, self._launch_dir, self._wait_seconds)
            self._sender.begin(self._run_dir)
        elif code is not None:
            self._warn(self._sender.reason() or f"its process ended with code {code}")
        return self._sender

    def _wait_for(self, sender: "_Sender") -> int | None:
        code = sender.wait(min(_QUIET_SECONDS, self._wait_seconds))
        if code is not None or self._wait_seconds <= _QUIET_SECONDS:
            return code
        logger.info(
            "sending the record to MLflow (for up to %g s; Ctrl-C twice stops waiting) ...",
            self._wait_seconds,
        )
        return sender.wait(self._wait_seconds - _QUIET_SECONDS)

    def _warn(self, reason: str) -> None:
        if not self._warned:
            logger.warning(
                "MLflow (%s): %s; the record is kept, and this sends what is left of it: "
                "panna-exp sync %s",
                public(self._uri),
                reason,
                self._run_dir,
            )
        self._warned = True


class _Sender:
    """The process that sends a journal, which outlives ours for a while if it must."""

    def __init__(self, uri: str, launch_dir: Path, wait_seconds: float) -> None:
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", "-c", _START, str(_PACKAGE_FOLDER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._messages,
            # A Ctrl-C in the terminal is for the training; the sender ends when that has.
            start_new_session=True,
        )
        self._tell(uri=uri, launch_dir=str(launch_dir), wait_seconds=wait_seconds)

    def begin(self, run_dir: Path) -> None:
        """There is a journal."""
        self._tell(run_dir=str(run_dir))

    def end(self) -> None:
        """Nothing will be added to the journal."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its exit code says why it has ended
            self._process.stdin.close()

    def stop(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()

    def wait(self, seconds: float) -> int | None:
        """Returns the exit code, or None if the process still runs after ``seconds``."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def reason(self) -> str:
        """Returns why the process can send nothing at present, or an empty string."""
        # The position in the file is the process's as well: it must stay where it is.
        size = os.fstat(self._messages.fileno()).st_size
        text = os.pread(self._messages.fileno(), size, 0).decode(errors="replace").strip()
        lines = text.splitlines()
        told = [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
        if not told and self._process.poll() is not None:
            told = lines  # it ended before it could tell anything: the last line of a traceback
        return "" if not told or told[-1] == OK else told[-1]

    def close(self) -> None:
        """Closes our ends."""
        self.end()
        self._messages.close()

    def _tell(self, **values: Any) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its exit code says why it has ended
            self._process.stdin.write(json.dumps(values).encode() + b"\n")
            self._process.stdin.flush()
