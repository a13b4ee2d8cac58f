"""Starts the process that sends a journal to MLflow, and waits for it."""

import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from panna_exp.tracking.mlflow_sender import MARK, OK

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


class Sender:
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

    def begin(self, run_dir: Path, training: bool = True) -> None:
        """There is a journal, of a run whose training goes on or is over."""
        self._tell(run_dir=str(run_dir), training=training)

    def end(self) -> None:
        """Nothing will be added to the journal."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its exit code says why it has ended
            self._process.stdin.close()

    def finish(self, seconds: float) -> str:
        """Ends it and waits until all is sent; returns why it is not, or an empty string.

        Ctrl-C stops waiting. A process that tries in vain is stopped: it would be in the way of
        ``panna-exp sync``.
        """
        self.end()
        try:
            code = self._wait_aloud(seconds)
        except KeyboardInterrupt:
            code = None  # the user does not want to wait
        reason = self.reason()
        if code is None and reason:
            self.stop()
        if code == 0:
            return ""
        return reason or "it has not taken everything yet, a process goes on with it"

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

    def _wait_aloud(self, seconds: float) -> int | None:
        code = self.wait(min(_QUIET_SECONDS, seconds))
        if code is not None or seconds <= _QUIET_SECONDS:
            return code
        logger.info(
            "sending the record to MLflow (for up to %g s; Ctrl-C twice stops waiting) ...", seconds
        )
        return self.wait(seconds - _QUIET_SECONDS)
