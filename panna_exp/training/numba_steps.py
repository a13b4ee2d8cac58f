"""Steps on energies that are compiled as a whole, many in one call."""

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from panna_exp.data.batch import ENERGIES, PackedData
from panna_exp.data.structures import Ints
from panna_exp.model.numba_engine import shape_of
from panna_exp.model.numba_passes import Shape
from panna_exp.training import numba_loop
from panna_exp.training.loss import EnergyLoss
from panna_exp.training.metrics import Totals
from panna_exp.training.numba_update import State
from panna_exp.training.step import TrainStep

# Whoever wants to end the training is heard after this time.
_SECONDS_PER_CALL = 0.2


class NumbaSteps:
    """Steps by :mod:`panna_exp.training.numba_loop`, compiled or loaded now.

    Args:
        step: The definition, whose parameters and moments are changed.
        data: To train on, in main memory.
        totals: Sums of errors.
    """

    def __init__(self, step: TrainStep, data: PackedData, totals: Totals) -> None:
        self._step = step
        self._totals = totals
        self._data = _data(step, data)
        self._shape = shape_of(step.networks, step.parameters.gradients.numpy().dtype)
        self._state = _state(step, self._shape)
        if self._state.clip_norm == 0:  # the species' gradients share memory
            begins = self._state.starts[:-1, None, None]
            self._shape = self._shape._replace(gradients=self._shape.starts - begins)
        loss = step.loss
        self._loss = numba_loop.Loss(
            form=_form(loss),
            power=loss.power,
            weight_power=loss.weight_power,
            prefactor=loss.settings.prefactor,
            huber_delta=loss.settings.huber_delta,
            is_mean=loss.is_mean,
        )
        self._seconds_per_step = _SECONDS_PER_CALL
        self._make([], [])

    @property
    def together(self) -> int:
        """How many steps a call may make."""
        return max(1, int(_SECONDS_PER_CALL / self._seconds_per_step))

    def __call__(
        self, batches: Sequence[Ints], rates: Sequence[float], index: int, fraction: float
    ) -> Tensor:
        """Makes steps; ``index`` and ``fraction`` change nothing here."""
        started = time.perf_counter()
        delta = self._make(batches, rates)
        self._seconds_per_step = (time.perf_counter() - started) / len(batches)
        return delta

    def _make(self, batches: Sequence[Ints], rates: Sequence[float]) -> Tensor:
        adam, average = self._step.optimizer, self._step.average
        scalars = np.array(
            [
                (*adam.corrected(rate), 0.0 if average is None else average.weight(adam.updates))
                for rate in rates
            ]
        ).reshape(-1, 3)
        none = np.zeros(0, np.int64)
        delta = numba_loop.make_steps(
            self._data,
            self._shape,
            self._loss,
            self._state,
            np.concatenate([none, *batches]),
            np.cumsum([0, *(len(batch) for batch in batches)]),
            scalars,
            self._totals.sums.numpy(),
        )
        return torch.from_numpy(delta)


def _form(loss: EnergyLoss) -> int:
    if loss.is_exponential:
        first = loss.settings.panna_version == 1
        return numba_loop.EXP_OF_SUM if first else numba_loop.SUM_OF_EXP
    if loss.is_huber:
        return numba_loop.HUBER
    return numba_loop.TANH_OF_SUM if loss.is_tanh else numba_loop.QUADRATIC


def _data(step: TrainStep, data: PackedData) -> numba_loop.Data:
    networks, weights = step.networks, data.loss_weights
    mean, scale = (
        tensor.reshape(-1, networks.feature_size)
        for tensor in (networks.input_mean, networks.input_scale)
    )
    return numba_loop.Data(
        descriptors=data.descriptors.numpy(),
        counts=data.counts,
        starts=data.starts,
        energy=data.energy.numpy(),
        num_atoms=data.num_atoms.numpy(),
        weights=(data.energy[:0] if weights is None else weights[:, ENERGIES].contiguous()).numpy(),
        mean=mean.numpy(),
        scale=scale.numpy(),
    )


def _state(step: TrainStep, shape: Shape) -> State:
    parameters, adam, penalty = step.parameters, step.optimizer, step.penalty
    sizes = (shape.widths[:, :-1] + 1) * shape.widths[:, 1:] * shape.trained
    none = parameters.values[:0]
    return State(
        parameters=parameters.buffer.numpy(),
        gradients=parameters.gradients.numpy(),
        first_moment=adam.first_moment.numpy(),
        second_moment=adam.second_moment.numpy(),
        starts=np.cumsum([0, *sizes.sum(1)]),
        beta1=adam.settings.beta1,
        beta2=adam.settings.beta2,
        clip_value=adam.settings.clip_value,
        clip_norm=adam.settings.clip_norm,
        l1=(none if penalty is None else penalty.l1).numpy(),
        l2=(none if penalty is None else penalty.l2).numpy(),
        frozen_penalty=0.0 if penalty is None else float(penalty.frozen),
        pruned=(none.bool() if step.masks is None else step.masks.pruned).numpy(),
        average=(none if step.average is None else step.average.values).numpy(),
    )
