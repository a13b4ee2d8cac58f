"""One training from its job to its result, in each of the processes that share it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from panna_exp.assembly import torchrun
from panna_exp.assembly.tracking import make_tracker
from panna_exp.runs.job import Job, remove_empty
from panna_exp.runs.signals import Stopped, check_stopped, time_limit
from panna_exp.tracking.base import Tracker

if TYPE_CHECKING:
    from panna_exp.runs.session import TrainingResult


def train(job: Job) -> "TrainingResult":
    """Runs one training in this process, until it ends or is stopped.

    Args:
        job: What to train.

    Raises:
        PannaExpError: Mistakes of the user.
        Stopped: By a queue, or since its time is over, not while it trained.
    """
    limit = job.config.training.limit_seconds if job.handles_signals else None
    with _tidied(job), time_limit(limit), _tracker(job) as tracker:
        # Imported here: MLflow's own slow start runs beside ours.
        from panna_exp.runs.session import run_training

        with _joined(job) as joined:
            return run_training(joined, tracker)


@contextmanager
def _tidied(job: Job) -> Iterator[None]:
    """Says how to go on with a stopped run, and leaves no folder of one that never began."""
    try:
        torchrun.refuse_separate_tasks()
        yield
        if job.handles_signals:
            check_stopped()
    except BaseException as error:
        if isinstance(error, Stopped) and job.parent is None and torchrun.rank() == 0:
            print(f"stopped ({error.reason}); to continue:", file=sys.stderr)
            print(f"  {job.command.continuing()}", file=sys.stderr)
            error.reason = ""  # said
        remove_empty(job.run_dir, job.launch_dir)
        raise


@contextmanager
def _tracker(job: Job) -> Iterator[Tracker]:
    """The trackers of the first process; the others have nothing to tell."""
    tracker: Tracker = Tracker()
    try:
        if torchrun.rank() == 0:
            tracker = make_tracker(job.config.tracking, job.launch_dir)
        yield tracker
    finally:
        tracker.close()


@contextmanager
def _joined(job: Job) -> Iterator[Job]:
    """The job with the processes that share it, all of them in the first one's run directory."""
    from panna_exp.assembly.processes import join

    processes = join(job.config)
    try:
        run_dir = Path(processes.text(str(job.run_dir)))
        if run_dir != job.run_dir:
            remove_empty(job.run_dir, job.launch_dir)
        yield replace(job, processes=processes, command=replace(job.command, run_dir=run_dir))
    finally:
        processes.leave()
