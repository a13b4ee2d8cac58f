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

from panna_exp.errors import PannaExpError
from panna_exp.tracking import journal
from panna_exp.tracking.base import RunInfo, RunStatus
from panna_exp.tracking.journal import Journal

logger = logging.getLogger(__name__)

_QUIET_SECONDS = 1.0


class MlflowTracker:
    """Records a run in MLflow.

    Args:
        uri: The store, or None for MLFLOW_TRACKING_URI or ``mlflow.db`` in the launch directory.
        launch_dir: Where the user started.
        wait_seconds: How long the end of the run waits for the sender.
    """

    wants_histograms = False

    def __init__(self, uri: str | None, launch_dir: Path, wait_seconds: float) -> None:
        from panna_exp.tracking.mlflow_store import check_file_store, default_uri

        if importlib.util.find_spec("mlflow") is None:
            raise PannaExpError("mlflow is not installed: pip install mlflow, or tracking=none")
        self._uri = uri or default_uri(launch_dir)
        if self._uri.startswith("sqlite:"):
            check_file_store(launch_dir)
        self._launch_dir = launch_dir
        self._wait_seconds = wait_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._journal: Journal | None = None
        self._run_dir: Path | None = None

    def prepare(self) -> None:
        """Starts the sender, so that its slow start-up runs beside our own."""
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "panna_exp.tracking.mlflow_sender"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            # A Ctrl-C in the terminal is for the training; the sender ends when that has.
            start_new_session=True,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
        )

    def start(self, run: RunInfo) -> None:
        """Opens the journal and points the sender at it."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._run_dir = run.run_dir
        self._journal = Journal(run.run_dir / journal.NAME)
        self._journal.start(run, {"uri": self._uri, "launch_dir": str(self._launch_dir.resolve())})
        task = {
            "run_dir": str(run.run_dir),
            "uri": self._uri,
            "launch_dir": str(self._launch_dir.resolve()),
        }
        try:
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._warn()

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Adds values to the journal."""
        assert self._journal is not None
        self._journal.log(step, metrics)

    def histograms(self, step: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Not wanted."""

    def flush(self) -> None:
        """Writes what the journal holds back."""
        if self._journal is not None:
            self._journal.flush()

    def save(self, path: Path, folder: str = "") -> None:
        """Has a file of the run directory sent."""
        assert self._journal is not None
        assert self._run_dir is not None
        self._journal.save(os.path.relpath(path.resolve(), self._run_dir), folder)

    def finish(self, status: RunStatus) -> None:
        """Ends the journal and waits for the sender, up to ``wait_seconds``."""
        assert self._journal is not None
        assert self._process is not None
        self._journal.finish(status)
        code = self._wait_for_sender(self._process)
        if code is None:
            logger.warning(
                "MLflow has not taken everything after %g s; a process goes on with it, and "
                "panna-exp sync %s sends what is left",
                self._wait_seconds,
                self._run_dir,
            )
        elif code != 0:
            self._warn()

    def where(self) -> list[str]:
        """How to look at the run in MLflow."""
        if self._run_dir is None or not (self._run_dir / "tracking_mlflow.json").exists():
            return []
        from panna_exp.tracking.mlflow_store import State, ui_address

        state = State.load(self._run_dir, self._uri)
        if state is None or not state.experiment_id:
            return []
        if self._uri.startswith("sqlite:"):
            return [f"MLflow:       mlflow ui   (then open {ui_address(state)})"]
        return [f"MLflow:       {self._uri}"]

    def close(self) -> None:
        """Lets the sender see that this process is done with it."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # the sender may have ended already
                self._process.stdin.close()
            if self._run_dir is None:
                self._process.wait()
        self._errors.close()

    def _wait_for_sender(self, process: "subprocess.Popen[bytes]") -> int | None:
        for seconds in (_QUIET_SECONDS, max(0.0, self._wait_seconds - _QUIET_SECONDS)):
            try:
                return process.wait(seconds)
            except subprocess.TimeoutExpired:
                if seconds == _QUIET_SECONDS:
                    logger.info("sending the record to MLflow ...")
        return None

    def _warn(self) -> None:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else "its process ended early"
        logger.warning(
            "MLflow could not be reached (%s); the record is kept: panna-exp sync %s sends it",
            reason,
            self._run_dir,
        )
