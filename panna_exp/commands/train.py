"""``panna-exp train``: one run, or each job of a sweep."""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from panna_exp.assembly import torchrun
from panna_exp.commands import sweep, sweep_jobs
from panna_exp.commands.command_line import CommandLine, relative
from panna_exp.commands.interrupt import Stopped, stoppable
from panna_exp.commands.launch import launch
from panna_exp.commands.orphan import at_work
from panna_exp.commands.sweep_metric import ranking_metric
from panna_exp.commands.train_run import load, plain_values, remove_empty, train_run
from panna_exp.config.schema import SweepConfig
from panna_exp.config.store import given_overrides
from panna_exp.errors import ConfigError, PannaExpError

if TYPE_CHECKING:
    from panna_exp.commands.session import TrainingResult


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    outcomes.clear()
    sweep.exit_codes.clear()
    launch(arguments, train_job, "train", "panna-exp train")
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return max(
        (outcome for outcome in [*outcomes, *sweep.exit_codes] if isinstance(outcome, int)),
        default=0,
    )


# What the jobs of this process ended with: an exit code, or the error of a single run. Hydra would
# print its own lines around an exception that leaves the task.
outcomes: list[int | Exception] = []


def train_job(composed: DictConfig) -> float | None:
    """Trains once; returns the metric that a sweep ranks by (None if the job failed)."""
    hydra_config = HydraConfig.get()
    several = "MULTIRUN" in str(hydra_config.mode)
    if torchrun.world_size() > 1 and (several or composed.training.seeds):
        what = "training.seeds" if composed.training.seeds else "-m"
        outcomes.append(
            ConfigError(
                f"{what}: trains several potentials, but torchrun started "
                f"{torchrun.world_size()} processes for one: start panna-exp without torchrun, "
                "hydra/launcher=joblib runs the jobs of a sweep side by side"
            )
        )
        remove_empty(Path(hydra_config.runtime.output_dir), Path(hydra_config.runtime.cwd))
        return None
    if several:
        return train_sweep_job(composed)
    run_dir = Path(hydra_config.runtime.output_dir)
    overrides = given_overrides()
    try:
        result = train_once(
            composed, Path(hydra_config.runtime.cwd), overrides, CommandLine(overrides, run_dir)
        )
    except Exception as error:
        outcomes.append(error)
        return None
    outcomes.append(result.code)
    return result.metric


def train_sweep_job(composed: DictConfig) -> float | None:
    """Trains a job of a sweep, unless it was trained to the end before.

    Returns:
        The metric that a sweep ranks by, None if the job failed or did not begin.

    Raises:
        Stopped: The job was stopped, and its sweep with it: by the user, a queue or its time limit.
    """
    hydra_config = HydraConfig.get()
    sweep_dir = (Path(hydra_config.runtime.cwd) / hydra_config.sweep.dir).resolve()
    # A launcher's process has nothing of what the program's own has set up.
    with at_work(), stoppable(), sweep_jobs.working(sweep_dir):
        return _train_sweep_job(composed, sweep_dir)


def _train_sweep_job(composed: DictConfig, sweep_dir: Path) -> float | None:
    hydra_config = HydraConfig.get()
    launch_dir = Path(hydra_config.runtime.cwd)
    wanted = Path(hydra_config.runtime.output_dir)
    overrides = given_overrides()
    name = " ".join(overrides)
    failed = sweep_jobs.failed_before(sweep_dir) if composed.sweep.fail_fast else None
    if failed is not None:
        print(f"not begun, since job {failed} failed: job {name}", file=sys.stderr, flush=True)
        remove_empty(wanted, sweep_dir)
        return None
    run_dir = sweep_jobs.claim_folder(sweep_dir, wanted, sweep_jobs.job_key(plain_values(composed)))
    try:
        sweep_jobs.wait_until_free(run_dir)
        earlier = sweep.read_result(run_dir)
        if earlier is not None and earlier["status"] == sweep.FINISHED:
            print(f"finished before: {relative(run_dir)}", file=sys.stderr, flush=True)
            return sweep.metric_of(earlier, _ranked_by(composed))
        in_search = composed.sweep.trial is not None
        if earlier is not None and earlier["status"] == sweep.PRUNED and in_search:
            print(f"stopped before: {relative(run_dir)}", file=sys.stderr, flush=True)
            return None
        command = CommandLine(overrides, run_dir)
        result = train_once(composed, launch_dir, overrides, command, sweep_dir)
    except Exception as error:
        sweep.report_failure(run_dir, overrides, error)
        sweep_jobs.mark_failure(sweep_dir, name)
        if not isinstance(error, PannaExpError):
            traceback.print_exc()
        return None
    if result.code:
        raise Stopped(result.code)  # it has said why
    return result.metric


def _ranked_by(composed: DictConfig) -> str:
    options = OmegaConf.to_object(composed.sweep)
    assert isinstance(options, SweepConfig)
    return ranking_metric(options, composed.training.monitor)


def train_once(
    composed: DictConfig,
    launch_dir: Path,
    overrides: Sequence[str],
    command: CommandLine,
    parent: Path | None = None,
) -> "TrainingResult":
    """Trains a potential, or a committee with ``training.seeds``.

    Args:
        composed: The configuration, not validated yet.
        launch_dir: Folder that relative paths start from.
        overrides: For the record.
        command: How it was started, with the run directory.
        parent: Folder of the sweep that it is a job of, or None.

    Raises:
        PannaExpError: Mistakes of the user.
    """
    if not composed.training.seeds:
        return train_run(composed, launch_dir, overrides, command, parent)
    try:
        config = load(composed)
    except Exception:
        remove_empty(command.run_dir, launch_dir)
        raise
    from panna_exp.commands.committee import train_committee

    return train_committee(composed, config, launch_dir, command, parent)
