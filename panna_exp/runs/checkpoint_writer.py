"""Writes the checkpoints of a run; a full disk costs these, not the training.

A thread writes them while the steps go on: packing, checksum and disk take as long as some fifty
steps of a small network.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Self

from panna_exp.assembly.restart import epochs_in_all
from panna_exp.config.schema import TrainConfig
from panna_exp.errors import CheckpointError
from panna_exp.runs.run_directory import RunDirectory
from panna_exp.training import checkpoint as checkpoints
from panna_exp.training.checkpoint import Checkpoint

logger = logging.getLogger(__name__)


class CheckpointWriter:
    """Writes checkpoints into the run directory and removes those that are too old.

    A context manager: at its end all is written.

    Args:
        directory: Of the run.
        config: Of the run.
        continuing: Returns the command that continues the run.
    """

    def __init__(
        self, directory: RunDirectory, config: TrainConfig, continuing: Callable[[], str]
    ) -> None:
        self.directory = directory
        self._config = config
        self._continuing = continuing
        self._thread = ThreadPoolExecutor(1, "checkpoints")
        self._writing: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            self.wait()
        except CheckpointError as failed:
            if kind is None:
                raise
            logger.warning("%s", failed)  # beside what the training itself ended with
        finally:
            self._thread.shutdown()

    def write(self, checkpoint: Checkpoint, best: Checkpoint | None) -> None:
        """Writes the present state, and that of the best epoch before, where it is a new one.

        It is written when :meth:`wait` returns, the training's last one when this does.

        Args:
            checkpoint: Not to be changed any more; ``best`` likewise.
            best: None where there is none that is new.

        Raises:
            CheckpointError: The training's last one cannot be written; or the run directory is
                elsewhere now. Of the one before, where that was seen only then.
        """
        self.wait()
        self.directory.check_in_place()
        self._writing = self._thread.submit(self._write, checkpoint, best)
        if self._is_last(checkpoint):
            self.wait()

    def wait(self) -> None:
        """Returns when the checkpoint is written (CheckpointError: as of :meth:`write`)."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _write(self, checkpoint: Checkpoint, best: Checkpoint | None) -> None:
        folder = self.directory.models
        try:
            if best is not None:
                checkpoints.save(best, folder, checkpoints.BEST)
                self.directory.check_in_place()
            path = checkpoints.save(checkpoint, folder)
        except OSError as error:
            reason = f"cannot write {folder / checkpoint.name}.pt: {error.strerror or error}"
            if self._is_last(checkpoint):
                has_earlier = bool(checkpoints.list_checkpoints(folder))
                kept = "the last saved checkpoint is kept" if has_earlier else "none was saved yet"
                raise CheckpointError(
                    f"{reason}: {kept}; make room, then continue with: {self._continuing()}"
                ) from None
            logger.warning("%s: training goes on", reason)
            return
        self._check_again(path)
        checkpoints.prune(folder, self._config.io.max_ckpt_to_keep)

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
        epochs = epochs_in_all(self._config.training, position, per_epoch)
        return position.step >= position.last_step(epochs, per_epoch)
