"""One training from its composed configuration to its result."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from panna_exp.assembly import torchrun
from panna_exp.assembly.tracking import make_tracker
from panna_exp.commands.command_line import CommandLine
from panna_exp.commands.interrupt import Stopped, check_stopped, time_limit
from panna_exp.config.prepare import typed
from panna_exp.config.schema import TrainConfig
from panna_exp.tracking.base import NullTracker, Tracker

if TYPE_CHECKING:
    from panna_exp.commands.session import TrainingResult
    from panna_exp.training.processes import Processes


def train_run(
    composed: DictConfig,
    launch_dir: Path,
    overrides: Sequence[str],
    command: CommandLine,
    parent: Path | None = None,
) -> "TrainingResult":
    """Runs one training in this process, until it ends or is stopped.

    Args:
        composed: The configuration, not validated yet.
        launch_dir: Folder that relative paths start from.
        overrides: For the record.
        command: How it was started, with the run directory.
        parent: Folder of the sweep that it is a job of, or None.

    Raises:
        PannaExpError: Mistakes of the user.
        Stopped: By a queue, or since its time is over, not while it trained.
    """
    try:
        config = load(composed)
        with time_limit(config.training.limit_seconds):
            result = _train(config, composed, launch_dir, overrides, command, parent)
            check_stopped()
            return result
    except BaseException as error:
        if isinstance(error, Stopped) and parent is None and torchrun.rank() == 0:
            print(f"stopped ({error.reason}); to continue:", file=sys.stderr)
            print(f"  {command.continuing()}", file=sys.stderr)
            error.reason = ""  # said
        remove_empty(command.run_dir, launch_dir)
        raise


def _train(
    config: TrainConfig,
    composed: DictConfig,
    launch_dir: Path,
    overrides: Sequence[str],
    command: CommandLine,
    parent: Path | None,
) -> "TrainingResult":
    tracker: Tracker = NullTracker()
    try:
        # Before torch is imported: MLflow's own slow start then runs beside ours.
        if torchrun.rank() == 0:
            tracker = make_tracker(config.tracking, launch_dir)
        from panna_exp.assembly.processes import join
        from panna_exp.commands.session import run_training

        processes = join(config)
        try:
            run_dir = Path(processes.text(str(command.run_dir)))
            if processes.rank:
                return _help(config, composed, command.run_dir, run_dir, launch_dir, processes)
            return run_training(
                config,
                plain=plain_values(composed),
                run_dir=run_dir,
                launch_dir=launch_dir,
                overrides=overrides,
                command=command,
                tracker=tracker,
                parent=parent,
                processes=processes,
            )
        finally:
            processes.leave()
    finally:
        tracker.close()


def _help(
    config: TrainConfig,
    composed: DictConfig,
    own_dir: Path,
    run_dir: Path,
    launch_dir: Path,
    processes: "Processes",
) -> "TrainingResult":
    """Works for process 0; this process's own directory, made by Hydra, is not used."""
    from panna_exp.commands.helping import help_training
    from panna_exp.commands.session import TrainingResult

    if own_dir != run_dir:
        remove_empty(own_dir, launch_dir)
    help_training(config, plain_values(composed), run_dir, launch_dir, processes)
    return TrainingResult(metric=None, code=0)


def plain_values(composed: DictConfig) -> dict[str, Any]:
    """Returns the configuration as nested plain values."""
    plain = OmegaConf.to_container(composed, resolve=True, enum_to_str=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def load(composed: DictConfig) -> TrainConfig:
    """Returns the typed and validated configuration."""
    config = typed(composed, "train")
    assert isinstance(config, TrainConfig)
    return config


def remove_empty(run_dir: Path, launch_dir: Path) -> None:
    """Removes the folder made for a run that never began, and empty folders above it."""
    folder = run_dir
    while folder != launch_dir and launch_dir in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return  # not empty: it holds a run
        folder = folder.parent
