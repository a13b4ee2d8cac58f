"""The step of a training, its learning rate, and what may stop or restart it."""

from collections.abc import Mapping

import numpy as np
import torch

from panna_exp.assembly.datasets import DataPart, RunData
from panna_exp.assembly.engines import exact_engine, training_engine
from panna_exp.assembly.masks import Mask
from panna_exp.assembly.restart import epochs_in_all
from panna_exp.config.schema import EpsilonPlacement, Execution, Schedule, TrainingConfig
from panna_exp.evaluation.constant import ConstantPredictor
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.products import EXACT, Products
from panna_exp.training import optimizer as optimizers
from panna_exp.training.average import MovingAverage
from panna_exp.training.checkpoint import Position
from panna_exp.training.collapse import CollapseSettings, CollapseWatch
from panna_exp.training.early_stopping import EarlyStopping, EarlyStoppingSettings
from panna_exp.training.flat import FlatParameters
from panna_exp.training.force_loss import ForceLoss, ForceLossSettings
from panna_exp.training.loss import EnergyLoss, EnergyLossSettings, Penalty, PenaltySettings
from panna_exp.training.masks import Masks
from panna_exp.training.metrics import ENERGY_RMSE, FORCE_RMSE
from panna_exp.training.optimizer import Adam, AdamSettings, LearningRate
from panna_exp.training.processes import ALONE, Processes
from panna_exp.training.step import TrainStep
from panna_exp.training.trainer import Plan

# A training is looked at after its warm-up and some hundred updates, and in its first part only:
# later a restart has no time left.
_LOOKED_FROM, _LOOKED_PART = 300, 0.25


def make_train_step(
    training: TrainingConfig,
    networks: SpeciesNetworks,
    masks: Mapping[str, Mask] | None = None,
    seed: int = 0,
    processes: Processes = ALONE,
    *,
    execution: Execution = Execution.torch,
    products: Products = EXACT,
) -> TrainStep:
    """Returns the step with the losses, penalties, optimiser and masks of the configuration.

    Args:
        training: The configuration.
        networks: To train.
        masks: Of pruned weights, by parameter name.
        seed: Of choices within steps.
        processes: That share the batches.
        execution: What makes the networks' passes.
        products: How these multiply matrices.
    """
    parameters = FlatParameters(networks)
    forces = training.forces_cost > 0
    engine = training_engine(execution, networks, parameters, products, forces=forces)
    first = training.panna_version == 1
    eps = training.adam_eps if training.adam_eps is not None else (1e-8 if first else 1e-7)
    halved = 0.5 if first else 1.0
    penalty = PenaltySettings(
        weights_l1=training.wscale_l1,
        weights_l2=training.wscale_l2 * halved,
        biases_l1=training.bscale_l1,
        biases_l2=training.bscale_l2 * halved,
    )
    return TrainStep(
        engine=engine,
        exact=engine if products is EXACT else exact_engine(networks),
        parameters=parameters,
        optimizer=Adam(
            parameters,
            AdamSettings(
                beta1=training.beta1,
                beta2=training.beta2,
                eps=eps,
                tensorflow_eps=training.adam_eps_placement is EpsilonPlacement.tensorflow,
                clip_value=training.clip_value,
                clip_norm=training.clip_norm,
            ),
        ),
        loss=EnergyLoss(
            EnergyLossSettings(
                name=training.loss_function,
                panna_version=training.panna_version,
                weight=training.energy_weight,
                reduction=training.energy_reduction or ("sum" if first else "mean"),
                prefactor=training.energy_prefactor,
                huber_delta=training.huber_delta,
            )
        ),
        penalty=Penalty(penalty, networks, parameters) if penalty.active else None,
        force_loss=_force_loss(training, seed),
        masks=_masks(parameters, masks or {}),
        average=MovingAverage(parameters, training.ema_decay) if training.ema_decay > 0 else None,
        processes=processes,
    )


def _force_loss(training: TrainingConfig, seed: int) -> ForceLoss | None:
    if training.forces_cost == 0:
        return None
    return ForceLoss(
        ForceLossSettings(
            cost=training.forces_cost,
            name=training.floss_function,
            panna_version=training.panna_version,
            weight=training.force_weights,
            reduction=training.force_reduction or "mean",
            virial_cost=training.virial_cost,
            fraction=training.force_fraction,
            seed=seed,
            huber_delta=training.force_huber_delta,
        )
    )


def _masks(parameters: FlatParameters, masks: Mapping[str, Mask]) -> Masks | None:
    kept = {name: torch.from_numpy(mask) for name, mask in masks.items()}
    return Masks(parameters, kept) if kept else None


def make_early_stopping(
    training: TrainingConfig, state: Mapping[str, float] | None
) -> EarlyStopping:
    """Returns what follows the errors of epoch ends, from an earlier state if there is any."""
    plateau = training.learning_rate_schedule is Schedule.plateau
    settings = EarlyStoppingSettings(
        monitor=training.monitor,
        min_delta=training.min_delta,
        patience=training.patience,
        plateau_patience=training.plateau_patience if plateau else None,
        plateau_factor=training.plateau_factor,
        lowest=training.learning_rate_final / training.learning_rate,
    )
    return EarlyStopping(settings, state)


def learning_rate(training: TrainingConfig, position: Position, per_epoch: int) -> LearningRate:
    """Returns the learning rate by step, but for what a plateau makes of it."""
    rate = _scheduled(training, position, per_epoch)
    return optimizers.warmed_up(rate, training.warmup_steps)


def _scheduled(training: TrainingConfig, position: Position, per_epoch: int) -> LearningRate:
    schedule = training.learning_rate_schedule
    rate = training.learning_rate
    if schedule is Schedule.exponential or not training.learning_rate_constant:
        assert training.learning_rate_decay_factor is not None
        assert training.learning_rate_decay_step is not None
        return optimizers.exponential(
            rate,
            training.learning_rate_decay_factor,
            training.learning_rate_decay_step,
            training.learning_rate_staircase,
        )
    if schedule is Schedule.cosine:
        last = position.last_step(epochs_in_all(training, position, per_epoch), per_epoch)
        return optimizers.cosine(rate, training.learning_rate_final, last)
    return optimizers.constant(rate)


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
        first=_LOOKED_FROM + training.warmup_steps,
        last=round(_LOOKED_PART * plan.max_epochs * plan.steps_per_epoch),
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
