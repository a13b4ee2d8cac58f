"""Writes the checkpoints of a run; a full disk costs these, not the training."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from panna_exp.assembly.restart import epochs_in_all
from panna_exp.config.schema import TrainConfig
from panna_exp.errors import CheckpointError
from panna_exp.runs.run_directory import RunDirectory
from panna_exp.training import checkpoint as checkpoints
from panna_exp.training.checkpoint import Checkpoint

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CheckpointWriter:
    """Writes checkpoints into the run directory and removes those that are too old.

    Args:
        directory: Of the run.
        config: Of the run.
        continuing: Returns the command that continues the run.
    """

    directory: RunDirectory
    config: TrainConfig
    continuing: Callable[[], str]

    def write(self, checkpoint: Checkpoint, best: Checkpoint | None) -> None:
        """Writes the present state, and that of the best epoch before, where it is a new one.

        Raises:
            CheckpointError: The training's last one cannot be written; or the run directory is
                elsewhere now.
        """
        folder = self.directory.models
        self.directory.check_in_place()
        try:
            if best is not None:
                checkpoints.save(best, folder, checkpoints.BEST)
                self.directory.check_in_place()
            path = checkpoints.save(checkpoint, folder)
        except OSError as error:
            reason = f"cannot write {folder / checkpoint.name}.pt: {error.strerror or error}"
            if self._is_last(checkpoint):
                raise CheckpointError(
                    f"{reason}: the last saved checkpoint is kept; make room, then continue with: "
                    f"{self.continuing()}"
                ) from None
            logger.warning("%s: training goes on", reason)
            return
        self._check_again(path)
        checkpoints.prune(folder, self.config.io.max_ckpt_to_keep)

    def _check_again(self, path: Path) -> None:
        """Leaves nothing where the run directory was, if it went while this was written."""
        try:
            self.directory.check_in_place()
        except CheckpointError:
            with suppress(OSError):  # not empty: somebody else's
                path.unlink(missing_ok=True)
                path.parent.rmdir()
                path.parent.parent.rmdir()
            raise

    def _is_last(self, checkpoint: Checkpoint) -> bool:
        position, per_epoch = checkpoint.position, checkpoint.steps_per_epoch
        epochs = epochs_in_all(self.config.training, position, per_epoch)
        return position.step >= position.last_step(epochs, per_epoch)
