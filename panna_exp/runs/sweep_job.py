"""A job of a sweep: trained in a folder of its own, unless it was trained to the end before."""

import sys
import traceback
from dataclasses import replace
from pathlib import Path

from panna_exp.config.composed import Composed, typed_values
from panna_exp.config.schema import SweepConfig
from panna_exp.errors import PannaExpError
from panna_exp.runs import sweep, sweep_jobs
from panna_exp.runs.choice import way_to_train
from panna_exp.runs.command_line import display
from panna_exp.runs.job import Job, remove_empty
from panna_exp.runs.parent_watchdog import at_work
from panna_exp.runs.signals import Stopped, check_stopped, stoppable
from panna_exp.runs.sweep import ranking_metric


def train_sweep_job(composed: Composed) -> float | None:
    """Trains a job of a sweep, unless it was trained to the end before.

    Returns:
        The metric that a sweep ranks by, None if the job failed or did not begin.

    Raises:
        Stopped: The job was stopped, and its sweep with it: by the user, a queue or its time limit.
    """
    assert composed.sweep_dir is not None
    # A launcher's process has nothing of what the program's own has set up.
    with at_work(), stoppable(), sweep_jobs.working(composed.sweep_dir):
        return _train(composed, composed.sweep_dir)


def _train(composed: Composed, sweep_dir: Path) -> float | None:
    name = " ".join(composed.overrides)
    config = typed_values(SweepConfig, composed.plain["sweep"])
    failed = sweep_jobs.failed_before(sweep_dir) if config.fail_fast else None
    if failed is not None:
        print(f"not begun, since job {failed} failed: job {name}", file=sys.stderr, flush=True)
        remove_empty(composed.run_dir, sweep_dir)
        return None
    key = sweep_jobs.job_key(composed.plain)
    run_dir = sweep_jobs.claim_folder(sweep_dir, composed.run_dir, key)
    try:
        sweep_jobs.wait_until_free(run_dir)
        earlier = sweep_jobs.finished_before(run_dir, composed.plain, composed.launch_dir)
        if earlier is not None:
            return sweep.metric_of(
                earlier, ranking_metric(config, composed.plain["training"]["monitor"])
            )
        if config.trial is not None and sweep.has_status(run_dir, sweep.PRUNED):
            print(f"stopped before: {display(run_dir)}", file=sys.stderr, flush=True)
            return None
        job = Job.of(replace(composed, run_dir=run_dir))
        result = way_to_train(job)(job)
    except Exception as error:
        check_stopped()  # libraries make another exception of one that a signal raises
        sweep.report_failure(run_dir, composed.overrides, error)
        sweep_jobs.mark_failure(sweep_dir, name)
        if not isinstance(error, PannaExpError):
            traceback.print_exc()
        return None
    if result.code:
        raise Stopped(result.code)  # it has said why
    return result.metric
