"""joblib's processes end with the program that started them, however that ended."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("joblib")

# Two jobs that name their processes by files, and save something when they are told to end.
PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from joblib import Parallel, delayed
from panna_exp.runs.parent_watchdog import at_work, end_jobs_with_program

def job(folder, number):
    def save(*_):
        Path(folder, "saved").touch()
        raise SystemExit
    with at_work():
        signal.signal(signal.SIGTERM, save)
        Path(folder, f"{number}_{os.getpid()}").touch()
        time.sleep(100)

end_jobs_with_program("hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher")
Parallel(n_jobs=2, backend="loky")(delayed(job)(sys.argv[1], number) for number in range(2))
"""


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_jobs_save_and_end_when_the_program_is_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as program:
        wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
        jobs = [int(path.name.partition("_")[2]) for path in tmp_path.iterdir()]
        program.send_signal(signal.SIGKILL)
    wait_for(lambda: not any(map(is_alive, jobs)))
    assert (tmp_path / "saved").exists()
