"""Jobs of launchers are named when they fail, and stopped with their sweep."""

import subprocess
import sys
import time
from pathlib import Path

from panna_exp.runs import sweep_jobs
from panna_exp.runs.launchers import failures_named
from panna_exp.runs.sweep import FAILED, FINISHED, write_result

ROOT = Path(__file__).parents[3]
SUBMITIT = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"
JOB = """
import sys, time
from pathlib import Path
from panna_exp.runs.signals import Stopped, stoppable
from panna_exp.runs.sweep_jobs import working
try:
    with stoppable(), working(Path(sys.argv[1])):
        time.sleep(60)
except Stopped as stopped:
    sys.exit(stopped.code)
"""


def fail(folder, name):
    (folder / name).mkdir(exist_ok=True)
    write_result(folder / name, [f"seed={name}"], {"status": FAILED, "error": "no data"})


def test_each_new_failure_is_named_once(tmp_path, capsys):
    fail(tmp_path, "1")
    with failures_named(tmp_path, SUBMITIT):
        fail(tmp_path, "2")
        (tmp_path / "3").mkdir()
        write_result(tmp_path / "3", ["seed=3"], {"status": FINISHED})
        end = time.monotonic() + 10
        while "seed=2" not in (found := capsys.readouterr().err):
            assert time.monotonic() < end
            time.sleep(0.02)
        fail(tmp_path, "4")
    assert found == "error: job seed=2: no data\n"
    assert capsys.readouterr().err == "error: job seed=4: no data\n"


def test_jobs_that_share_the_terminal_name_themselves(tmp_path, capsys):
    with failures_named(tmp_path, "hydra._internal.core_plugins.basic_launcher.BasicLauncher"):
        fail(tmp_path, "1")
    assert capsys.readouterr().err == ""


def test_jobs_in_other_processes_end_with_the_sweep(tmp_path):
    command = [sys.executable, "-c", JOB, str(tmp_path)]
    job = subprocess.Popen(command, cwd=ROOT)
    end = time.monotonic() + 30
    while not list(tmp_path.glob(".working_*")):
        assert time.monotonic() < end
        time.sleep(0.02)
    sweep_jobs.stop_jobs(tmp_path)
    assert job.wait(10) == 75
    assert not list(tmp_path.glob(".working_*"))
    # Those that have not begun do not, unless the sweep is started again.
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=30).returncode == 75
    sweep_jobs.clear_marks(tmp_path)
    with sweep_jobs.working(tmp_path):
        sweep_jobs.stop_jobs(tmp_path)  # this process goes on
