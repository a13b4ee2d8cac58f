"""Passes a training's progress on to the display, metrics.dat and the trackers."""

import logging
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from panna_exp.assembly.saved import to_export
from panna_exp.assembly.training import Run
from panna_exp.commands.progress import TrainingDisplay
from panna_exp.commands.pruning import Judge
from panna_exp.commands.speed import Speed
from panna_exp.errors import NetworkError
from panna_exp.networks.masks import write_masks
from panna_exp.networks.panna import write_panna
from panna_exp.networks.ranges import write_ranges
from panna_exp.tracking.base import Tracker
from panna_exp.training.delta_files import DeltaFiles
from panna_exp.training.recorder import MetricsFile
from panna_exp.training.weight_record import WeightRecord

logger = logging.getLogger(__name__)


class RunListener:
    """Tells display, metrics.dat and trackers about the training's progress."""

    def __init__(self, tracker: Tracker, judge: Judge) -> None:
        self.display: TrainingDisplay | None = None
        self.run: Run | None = None
        self.metrics_file: MetricsFile | None = None
        self.delta_file: DeltaFiles | None = None
        self.weight_record: WeightRecord | None = None
        self.model_saves: dict[Path, int | None] = {}
        self._tracker, self._judge = tracker, judge
        self._speed = Speed()

    def advanced(self, step: int) -> None:
        """A step was made."""
        assert self.display is not None
        self._speed.advanced(step)
        self.display.advance(step)
        for folder, at in self.model_saves.items():
            if step == at:
                self._save_networks(folder)

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """A point of the training metrics."""
        assert self.display is not None
        self.display.values(values)
        named = {_train_name(name): value for name, value in values.items()}
        self._tracker.log(step, named | self._speed.logged(step))

    def batch_errors(self, step: int, delta: Tensor) -> None:
        """Errors of the energies of a logged step's batch."""
        if self.delta_file is not None:
            self.delta_file.append(step, delta.double().cpu().numpy())

    def epoch_ended(
        self, epoch: int, step: int, train: Mapping[str, float], validation: Mapping[str, float]
    ) -> None:
        """An epoch's metrics."""
        assert self.display is not None
        assert self.run is not None
        assert self.metrics_file is not None
        self.display.epoch(epoch, step, train, validation)
        self.metrics_file.append(epoch, train, validation, step)
        values = {f"epoch/{name}": value for name, value in train.items()}
        values |= {f"validation/{name}": value for name, value in validation.items()}
        self._tracker.log(step, values | self._speed.epoch_ended())
        if self._tracker.wants_histograms or self.weight_record is not None:
            layers = self.run.networks.named_layers()
            arrays = {name: tensor.detach().cpu().numpy() for name, _, tensor, _ in layers}
            self._tracker.histograms(step, arrays)
            if self.weight_record is not None:
                self.weight_record.append(epoch, step, arrays)
        self._judge.epoch_ended(epoch, train, validation)

    def _save_networks(self, folder: Path) -> None:
        """Writes a weights folder; one that cannot be written does not cost the training."""
        assert self.run is not None
        run = self.run
        try:
            networks = to_export(run.networks.to_data(), run.descriptor, run.trainer.energy_rescale)
            write_panna(networks, folder)
            write_masks(run.masks, folder)
            write_ranges(run.ranges, networks.species, folder)
        except NetworkError as error:
            logger.warning("%s: training goes on", error)
        else:
            logger.info("saved the networks in %s", folder)


def _train_name(name: str) -> str:
    return name if name == "learning_rate" else f"train/{name}"
