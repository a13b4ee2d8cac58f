"""What the other processes of a training do: the same steps, and nothing that anybody sees."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from panna_exp.assembly.batches import stream_settings
from panna_exp.assembly.datasets import read_run_data
from panna_exp.assembly.restart import continued_data, find_restart
from panna_exp.assembly.training import build_run
from panna_exp.commands.interrupt import Interrupt
from panna_exp.config.schema import TrainConfig
from panna_exp.training.checkpoint import Checkpoint
from panna_exp.training.processes import Processes


def help_training(
    config: TrainConfig,
    plain: Mapping[str, Any],
    run_dir: Path,
    launch_dir: Path,
    processes: Processes,
) -> None:
    """Trains with process 0, which has everything to tell, to save and to evaluate.

    Args:
        config: Validated.
        plain: The same as nested plain values.
        run_dir: The run directory of process 0.
        launch_dir: Where the user started.
        processes: Of which this is one.

    Raises:
        PannaExpError: Mistakes of the user, which process 0 has found as well.
    """
    data = read_run_data(config, launch_dir)
    processes.wait()
    restart = find_restart(config.io, run_dir, plain, stream_settings(config, data))
    data = continued_data(config, data, restart)
    interrupt = Interrupt(config.training.limit_seconds)
    run = build_run(
        config,
        plain,
        data,
        restart,
        launch_dir,
        _Silent(),
        _save_nothing,
        interrupt.requested,
        processes,
    )
    processes.wait()
    with interrupt:
        run.trainer.fit()


class _Silent:
    """A listener that tells nobody."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def batch_errors(self, step: int, delta: Tensor) -> None:
        """Nothing."""

    def epoch_ended(
        self, epoch: int, step: int, train: Mapping[str, float], validation: Mapping[str, float]
    ) -> None:
        """Nothing."""

    def advanced(self, step: int) -> None:
        """Nothing."""


def _save_nothing(checkpoint: Checkpoint, best: Checkpoint | None) -> None:
    pass
