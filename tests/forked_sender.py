"""The process that sends a run's record to MLflow, forked: importing MLflow takes two seconds.

In the processes of ``warm.py`` alone; a command in a new interpreter starts it as users' do.
"""

import gc
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from panna_exp.tracking import mlflow_sender


class ForkedSender:
    """What ``subprocess.Popen`` is to :class:`panna_exp.tracking.sender_process.Sender`."""

    def __init__(self, arguments: Sequence[str], stderr: Any, **_: Any) -> None:
        self.args = arguments
        self.returncode: int | None = None
        ours, own = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            send(ours, stderr.fileno())
        os.close(ours)
        self.stdin = os.fdopen(own, "wb")

    def poll(self) -> int | None:
        if self.returncode is None:
            process, status = os.waitpid(self.pid, os.WNOHANG)
            if process:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float = float("inf")) -> int:
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() >= end:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.01)
        return code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def send(stdin: int, stderr: int) -> NoReturn:
    """Makes this process what the sender is, with none of the command's files, and runs it."""
    gc.freeze()
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    for number, handle in enumerate((stdin, os.open(os.devnull, os.O_WRONLY), stderr)):
        os.dup2(handle, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    warnings.simplefilter("ignore")
    code = 1
    try:
        code = mlflow_sender.main()
    finally:
        sys.stderr.flush()
        os._exit(code)
