"""What a training's loop tells and asks: the display, files, trackers, and who may stop it."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from panna_exp.assembly.saved import to_export
from panna_exp.assembly.training import Run
from panna_exp.errors import NetworkError
from panna_exp.networks.masks import write_masks
from panna_exp.networks.panna import write_panna
from panna_exp.networks.ranges import write_ranges
from panna_exp.networks.repulsion import write_repulsion
from panna_exp.runs.checkpoint_writer import CheckpointWriter
from panna_exp.runs.progress import TrainingDisplay
from panna_exp.runs.pruning import Pruner
from panna_exp.tracking.base import Tracker
from panna_exp.training.checkpoint import Checkpoint
from panna_exp.training.delta_files import DeltaFiles
from panna_exp.training.recorder import MetricsFile
from panna_exp.training.trainer import Listener
from panna_exp.training.weight_record import WeightRecord

_LEAST_SECONDS_OF_SPEED = 1.0

logger = logging.getLogger(__name__)


class WorkerListener(Listener):
    """That of the processes which share a training, but tell and save nothing.

    Args:
        stopped: Whether the training is to end.
    """

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped

    def stops(self) -> bool:
        """Whether the training is to end."""
        return self._stopped()


class Speed:
    """Measures from logged point to logged point, over a second at least or up to an epoch's end.

    The first step of each epoch starts the clock: what comes before it (validation, a checkpoint,
    the first step's preparations) is not counted.

    Args:
        clock: Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start: tuple[int, float] | None = None
        self._seen = (0, 0.0)

    def advanced(self, step: int) -> None:
        """A step was made."""
        if self._start is None:
            self._start = self._seen = (step, self._clock())

    def logged(self, step: int) -> dict[str, float]:
        """Returns ``steps_per_second`` since the last value, or nothing if that is too recent."""
        self._seen = (step, self._clock())
        if self._start is None or self._seen[1] - self._start[1] < _LEAST_SECONDS_OF_SPEED:
            return {}
        return self._take()

    def epoch_ended(self) -> dict[str, float]:
        """Returns what the last logged point, which was the epoch's end, kept back."""
        values = self._take()
        self._start = None
        return values

    def _take(self) -> dict[str, float]:
        if self._start is None:
            return {}
        steps, seconds = (now - then for now, then in zip(self._seen, self._start, strict=True))
        self._start = self._seen
        return {"steps_per_second": steps / seconds} if steps > 0 and seconds > 0 else {}


@dataclass(slots=True, kw_only=True)
class RunListener(Listener):
    """Tells display, files and trackers about a training's progress, and saves it.

    Args:
        run: What is trained.
        display: On the terminal.
        tracker: Hears of metrics and weights.
        pruner: May stop a job of a search.
        stopped: Whether the user, a queue or the clock wants it to end.
        checkpoints: Writes them.
        metrics_file: Gets a line each epoch.
        model_saves: At which step networks are written to which folder.
        keeps_best: Whether the best epoch's checkpoint is kept.
        delta_file: Gets the errors of logged steps' batches.
        weight_record: Gets what figures of weights are drawn from.
    """

    run: Run
    display: TrainingDisplay
    tracker: Tracker
    pruner: Pruner
    stopped: Callable[[], bool]
    checkpoints: CheckpointWriter
    metrics_file: MetricsFile
    model_saves: Mapping[Path, int | None]
    keeps_best: bool
    delta_file: DeltaFiles | None
    weight_record: WeightRecord | None
    _speed: Speed = field(default_factory=Speed, init=False)
    _best: Checkpoint | None = field(default=None, init=False)  # found since the last one was saved

    def advanced(self, step: int) -> None:
        """A step was made."""
        self._speed.advanced(step)
        self.display.advance(step)
        self.save_models(step)

    def save_models(self, step: int) -> None:
        """Saves the networks where they are to be saved at a step; 0 is before the first."""
        for folder, at in self.model_saves.items():
            if step == at:
                self._save_networks(folder)

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """A point of the training metrics."""
        self.display.values(values)
        named = {_train_name(name): value for name, value in values.items()}
        self.tracker.log(step, named | self._speed.logged(step))

    def batch_errors(self, step: int, delta: Tensor) -> None:
        """Errors of the energies of a logged step's batch."""
        if self.delta_file is not None:
            self.delta_file.append(step, delta.double().cpu().numpy())

    def epoch_ended(
        self, epoch: int, step: int, train: Mapping[str, float], validation: Mapping[str, float]
    ) -> None:
        """An epoch's metrics (CheckpointError: the run directory is elsewhere now)."""
        self.checkpoints.directory.check_in_place()
        self.display.epoch(epoch, step, train, validation)
        self.metrics_file.append(epoch, train, validation, step)
        values = {f"epoch/{name}": value for name, value in train.items()}
        values |= {f"validation/{name}": value for name, value in validation.items()}
        self.tracker.log(step, values | self._speed.epoch_ended())
        if self.tracker.wants_histograms or self.weight_record is not None:
            layers = self.run.networks.named_layers()
            arrays = {name: tensor.detach().cpu().numpy() for name, _, tensor, _ in layers}
            self.tracker.histograms(step, arrays)
            if self.weight_record is not None:
                self.weight_record.append(epoch, step, arrays)
        self.pruner.epoch_ended(epoch, train, validation)

    def improved(self) -> None:
        """Keeps the best epoch's networks, to be written with the next checkpoint."""
        if self.keeps_best:
            self._best = self.run.checkpoint()

    def save(self) -> None:
        """Has a checkpoint written, and the best one first where there is a new one."""
        self.tracker.flush()
        self.metrics_file.sync()
        best, self._best = self._best, None
        self.checkpoints.write(self.run.checkpoint(), best)

    def stops(self) -> bool:
        """Whether the training is to end."""
        return self.stopped() or self.pruner.stops

    def _save_networks(self, folder: Path) -> None:
        """Writes a weights folder; one that cannot be written does not cost the training."""
        run = self.run
        try:
            networks = to_export(run.plain_networks(), run.descriptor, run.trainer.energy_rescale)
            write_panna(networks, folder)
            write_masks(run.masks, folder)
            write_ranges(run.ranges, networks.species, folder)
            write_repulsion(run.repulsion, folder)
        except NetworkError as error:
            logger.warning("%s: training goes on", error)
        else:
            logger.info("saved the networks in %s", folder)


def _train_name(name: str) -> str:
    return name if name == "learning_rate" else f"train/{name}"
