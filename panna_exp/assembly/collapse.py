"""What a training looks at to see that its networks have become constants."""

from collections.abc import Mapping

import numpy as np

from panna_exp.assembly.datasets import DataPart, RunData
from panna_exp.config.schema import TrainingConfig
from panna_exp.evaluation.constant import ConstantPredictor
from panna_exp.training.collapse import CollapseSettings, CollapseWatch
from panna_exp.training.metrics import ENERGY_RMSE, FORCE_RMSE
from panna_exp.training.trainer import Plan

# A training is looked at after its warm-up and some hundred updates, and in its first part only:
# later a restart has no time left.
_FIRST, _PART = 300, 0.25


def collapse_watch(
    training: TrainingConfig, data: RunData, state: Mapping[str, float] | None, plan: Plan
) -> CollapseWatch | None:
    """Returns what sees a collapse, or None where nobody is to look or nothing can be compared.

    Args:
        training: The configuration.
        data: Of the training.
        state: Of the checkpoint that the training continues, or None.
        plan: Of the training.
    """
    if training.collapse_restarts == 0 or data.train.stream is not None:
        return None
    part = data.validation or data.train
    metric, constant = ENERGY_RMSE, _energies(data, part)
    forces = part.forces() if training.forces_cost > 0 else None
    if forces is not None:
        metric, constant = FORCE_RMSE, float(np.sqrt(np.nanmean(np.square(forces))))
    if not constant > 0:
        return None
    settings = CollapseSettings(
        metric=metric,
        constant=constant,
        first=_FIRST + training.warmup_steps,
        last=round(_PART * plan.max_epochs * plan.steps_per_epoch),
        restarts=training.collapse_restarts,
    )
    return CollapseWatch(settings, state)


def _energies(data: RunData, part: DataPart) -> float:
    """Returns the error per atom (RMS, eV) of the best constants per species."""
    none = np.zeros(len(data.species))
    train = data.train.structures.counts(len(none))
    fitted = ConstantPredictor.fit(train, data.train.targets, none, "training data")
    counts = part.structures.counts(len(none))
    wrong = part.targets - fitted.per_species_energy(counts, none)
    return float(np.sqrt(np.mean(np.square(wrong / counts.sum(axis=1)))))
