"""Jobs of a sweep: found again by their configuration, never in one another's folders."""

import fcntl
import hashlib
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from panna_exp.assembly.tracking import send_rest
from panna_exp.config.composed import load_values, typed_values
from panna_exp.config.renamed import renamed_values
from panna_exp.config.schema import TrackingConfig
from panna_exp.files import locked, read_json, write_text_atomic
from panna_exp.run_files import CONFIG, JOB, RESULT
from panna_exp.runs.command_line import display
from panna_exp.runs.run_directory import is_locked
from panna_exp.runs.signals import TRY_AGAIN, Stopped
from panna_exp.runs.sweep import FINISHED, FREE_GROUPS, read_result

_CLAIMS = ".jobs.lock"
_FAILED = ".failed"  # left by the first job that fails, for those that have not begun
_STOPPED = ".stopped"  # left when the sweep is stopped, for the same
_WORKING = ".working_"  # a file of each process that works on a job, locked meanwhile
_POLL_SECONDS = 0.5
_STOP_SECONDS = 20.0  # queues kill what has not ended half a minute after they asked for it


def job_key(plain: Mapping[str, Any]) -> str:
    """Returns a hash of what a job computes: its configuration less folders and tracking."""
    kept = {name: value for name, value in plain.items() if name not in FREE_GROUPS}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()


def claim_folder(sweep_dir: Path, wanted: Path, key: str) -> Path:
    """Returns the folder of a job: the one it had before, or ``wanted``, or a new one beside it.

    Args:
        sweep_dir: The sweep's folder, absolute.
        wanted: What the launcher made for the job; removed if it is empty and not taken.
        key: Of the job.
    """
    with locked(sweep_dir / _CLAIMS):
        folder = _earlier(sweep_dir, key) or _free(wanted)
        folder.mkdir(parents=True, exist_ok=True)
        write_text_atomic(folder / JOB, json.dumps({"key": key}) + "\n")
    if folder != wanted:
        with suppress(OSError):  # not empty: another job's
            wanted.rmdir()
    return folder


def finished_before(
    run_dir: Path, plain: Mapping[str, Any], launch_dir: Path
) -> dict[str, Any] | None:
    """Returns the result of a job that was trained to its end in its folder, and says so.

    What MLflow has not got of it, since it was killed right at its end, is sent.

    Args:
        run_dir: The job's.
        plain: Its configuration.
        launch_dir: Where the user started.

    Raises:
        DataError: The folder has a result that is none.
    """
    result = read_result(run_dir)
    if result is None or result["status"] != FINISHED or not has_job(run_dir, job_key(plain)):
        return None
    print(f"finished before: {display(run_dir)}", file=sys.stderr, flush=True)
    rest = send_rest(typed_values(TrackingConfig, plain["tracking"]), run_dir, launch_dir)
    if rest:
        print(rest, file=sys.stderr, flush=True)
    return result


def wait_until_free(folder: Path) -> None:
    """Waits for a job that an earlier, killed sweep left running: its work is not done twice."""
    told = False
    while is_locked(folder):
        if not told:
            print(
                f"{folder}: a process of an earlier sweep works on this job: waiting for it",
                file=sys.stderr,
                flush=True,
            )
            told = True
        time.sleep(_POLL_SECONDS)


def mark_failure(sweep_dir: Path, name: str) -> None:
    """Tells jobs that have not begun that one failed."""
    write_text_atomic(sweep_dir / _FAILED, name)


def failed_before(sweep_dir: Path) -> str | None:
    """Returns the name of a job of this sweep that failed, if one has."""
    try:
        return (sweep_dir / _FAILED).read_text()
    except FileNotFoundError:
        return None


def clear_marks(sweep_dir: Path) -> None:
    """Forgets that an earlier start of the sweep had a failed job, or was stopped or killed."""
    for path in (sweep_dir / _FAILED, sweep_dir / _STOPPED):
        path.unlink(missing_ok=True)
    at_work = [f"{_working_here()}{process}" for process in _others(sweep_dir)]
    for path in sweep_dir.glob(f"{_working_here()}*"):
        if path.name not in at_work:
            path.unlink(missing_ok=True)


@contextmanager
def working(sweep_dir: Path) -> Iterator[None]:
    """Within the block this process is known to work on a job.

    Raises:
        Stopped: The sweep is being stopped.
    """
    path = sweep_dir / f"{_working_here()}{os.getpid()}"
    with locked(path):
        try:
            if (sweep_dir / _STOPPED).exists():
                raise Stopped(TRY_AGAIN)
            yield
        finally:
            path.unlink(missing_ok=True)


def stop_jobs(sweep_dir: Path) -> None:
    """Has jobs that other processes of this machine work on end as for a queue, and waits."""
    write_text_atomic(sweep_dir / _STOPPED, "")
    end = time.monotonic() + _STOP_SECONDS
    for process in _others(sweep_dir):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
    while _others(sweep_dir) and time.monotonic() < end:
        time.sleep(_POLL_SECONDS / 10)


def _others(sweep_dir: Path) -> list[int]:
    """Returns the other processes of this machine that work on jobs at this moment."""
    found = []
    for path in sweep_dir.glob(f"{_working_here()}*"):
        process = path.name.removeprefix(_working_here())
        if not process.isdecimal():
            continue  # not one of ours
        with suppress(FileNotFoundError), path.open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(int(process))
    return [process for process in found if process != os.getpid()]


def _working_here() -> str:
    return f"{_WORKING}{platform.node()}_"


def _earlier(sweep_dir: Path, key: str) -> Path | None:
    for path in sorted(sweep_dir.glob(f"*/{JOB}")):
        if _recorded_key(path) == key and has_job(path.parent, key):
            return path.parent
    return None


def _free(wanted: Path) -> Path:
    number = 1
    folder = wanted
    while any((folder / name).exists() for name in (JOB, CONFIG, RESULT)):
        number += 1
        folder = wanted.with_name(f"{wanted.name}_{number}")
    return folder


def has_job(folder: Path, key: str) -> bool:
    """Whether the run in a folder is a job's: it may have been continued by hand, differently."""
    path = folder / CONFIG
    if not path.exists():
        return True
    plain = load_values(path)
    return plain is not None and job_key(renamed_values(plain, recorded=True)) == key


def _recorded_key(path: Path) -> str | None:
    try:
        record = read_json(path)
    except ValueError:
        return None  # not a file of ours
    return record.get("key") if isinstance(record, dict) else None
