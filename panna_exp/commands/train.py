"""``panna-exp train``: one run, or each job of a sweep."""

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from panna_exp.assembly.tracking import make_tracker
from panna_exp.commands import sweep
from panna_exp.commands.command_line import CommandLine
from panna_exp.commands.launch import launch
from panna_exp.config.schema import TrainConfig
from panna_exp.config.validation.commands import validate_train
from panna_exp.errors import PannaExpError
from panna_exp.tracking.base import NullTracker, Tracker

if TYPE_CHECKING:
    from panna_exp.commands.session import TrainingResult


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    outcomes.clear()
    launch(arguments, train_job, "train", "panna-exp train")
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return max((outcome for outcome in outcomes if isinstance(outcome, int)), default=0)


# What the jobs of this process ended with: an exit code, or the error of a single run. Hydra would
# print its own lines around an exception that leaves the task.
outcomes: list[int | Exception] = []


def train_job(composed: DictConfig) -> float | None:
    """Trains once; returns the metric that a sweep ranks by (None if the job failed)."""
    hydra_config = HydraConfig.get()
    run_dir = Path(hydra_config.runtime.output_dir)
    is_sweep = "MULTIRUN" in str(hydra_config.mode)
    overrides = list(hydra_config.overrides.task)
    try:
        result = train_once(
            composed, Path(hydra_config.runtime.cwd), overrides, CommandLine(overrides, run_dir)
        )
    except Exception as error:
        if not is_sweep:
            outcomes.append(error)
            return None
        sweep.report_failure(run_dir, overrides, error)
        if not isinstance(error, PannaExpError):
            traceback.print_exc()
        outcomes.append(2)
        return None
    outcomes.append(result.code)
    if is_sweep and result.code:
        raise KeyboardInterrupt
    return result.metric


def train_once(
    composed: DictConfig, launch_dir: Path, overrides: Sequence[str], command: CommandLine
) -> "TrainingResult":
    """Runs one training in this process.

    Args:
        composed: The configuration, not validated yet.
        launch_dir: Folder that relative paths start from.
        overrides: For the record.
        command: How it was started, with the run directory.

    Raises:
        PannaExpError: Mistakes of the user.
    """
    tracker: Tracker = NullTracker()
    try:
        config = load(composed)
        plain = OmegaConf.to_container(composed, resolve=True, enum_to_str=True)
        assert isinstance(plain, dict)
        # Before torch is imported: MLflow's own slow start then runs beside ours.
        tracker = make_tracker(config.tracking, launch_dir)
        from panna_exp.commands.session import run_training

        return run_training(
            config,
            plain={str(key): value for key, value in plain.items()},
            run_dir=command.run_dir,
            launch_dir=launch_dir,
            overrides=overrides,
            command=command,
            tracker=tracker,
        )
    except Exception:
        _remove_empty(command.run_dir, launch_dir)
        raise
    finally:
        tracker.close()


def load(composed: DictConfig) -> TrainConfig:
    """Returns the typed and validated configuration."""
    config = OmegaConf.to_object(composed)
    assert isinstance(config, TrainConfig)
    validate_train(config)
    return config


def _remove_empty(run_dir: Path, launch_dir: Path) -> None:
    """Removes the folder made for a run that never began, and empty folders above it."""
    folder = run_dir
    while folder != launch_dir and launch_dir in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return  # not empty: it holds a run
        folder = folder.parent
