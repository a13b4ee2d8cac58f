"""Compiled updates of parameters: penalties, clipping, Adam, pruning, average.

The formulas of :mod:`panna_exp.training.optimizer`, :mod:`panna_exp.training.masks` and
:mod:`panna_exp.training.average`, which are the definition. A sum over many numbers is taken in the
lanes of a short array, which vectorises without changing any order.

Letters: T species, P trained parameters, which lie species after species. An array that a training
does not need has no elements.
"""

from typing import Any, NamedTuple

import numpy as np

from panna_exp.compiling import part
from panna_exp.model.numba_activations import constant

_LANES = 256


class State(NamedTuple):
    """Parameters, and what moves them.

    Args:
        parameters: [P'] all, those that are trained first.
        gradients: [P] memory for them.
        first_moment, second_moment: [P] of Adam.
        starts: [T + 1] where the trained parameters of each species begin.
        beta1, beta2: Its decays.
        clip_value, clip_norm: See :class:`panna_exp.training.optimizer.AdamSettings`.
        l1, l2: [P] factors of penalties, or none.
        frozen_penalty: Of parameters that are not trained.
        pruned: [P] which are always zero, or none.
        average: [P] moving average of the parameters, or none.
    """

    parameters: Any
    gradients: Any
    first_moment: Any
    second_moment: Any
    starts: Any
    beta1: float
    beta2: float
    clip_value: float
    clip_norm: float
    l1: Any
    l2: Any
    frozen_penalty: float
    pruned: Any
    average: Any


@part
def part_of(state: State, species: int) -> State:
    """Returns the state of one species' trained parameters.

    Their gradients are in memory that all species share, and which so stays in the processor's
    cache, unless the length of the whole gradient is to be known before the update.
    """
    start, stop = state.starts[species], state.starts[species + 1]
    place = start if state.clip_norm > 0 else 0
    return State(
        state.parameters[start:stop],
        state.gradients[place : place + stop - start],
        state.first_moment[start:stop],
        state.second_moment[start:stop],
        state.starts,
        state.beta1,
        state.beta2,
        state.clip_value,
        state.clip_norm,
        state.l1[start:stop],
        state.l2[start:stop],
        state.frozen_penalty,
        state.pruned[start:stop],
        state.average[start:stop],
    )


@part
def complete_gradient(own: State) -> float:
    """Adds the penalty's gradient and clips each element; returns the penalty."""
    penalty = _penalise(own) if len(own.l1) else 0.0
    if own.clip_value > 0:
        _clip(own)
    return penalty


@part
def _penalise(own: State) -> float:
    """Adds the gradient of l1 |p| + l2 p^2 to the gradients; returns its value."""
    values, gradients, l1, l2 = own.parameters, own.gradients, own.l1, own.l2
    lanes = np.zeros(_LANES, values.dtype)
    zero, two = constant(0, lanes[0]), constant(2, lanes[0])
    for start in range(0, len(values), _LANES):
        for lane in range(min(_LANES, len(values) - start)):
            i = start + lane
            p = values[i]
            sign = l1[i] if p > zero else (-l1[i] if p < zero else zero)
            gradients[i] += sign + two * l2[i] * p
            lanes[lane] += l1[i] * abs(p) + l2[i] * p * p
    return float(lanes.sum())


@part
def _clip(own: State) -> None:
    gradients = own.gradients
    for i in range(len(gradients)):
        most = constant(own.clip_value, gradients[i])
        if gradients[i] > most:
            gradients[i] = most
        elif gradients[i] < -most:
            gradients[i] = -most


@part
def shortening(state: State) -> float:
    """Returns the factor that makes the whole gradient as long as it may be, at most 1."""
    length = np.sqrt(float(np.dot(state.gradients, state.gradients)))
    factor = state.clip_norm / length
    return 1.0 if factor > 1 else factor  # also of what is no number


@part
def update(own: State, factor: float, scalars: Any) -> None:
    """Adam's update with gradients times a factor; pruning and the average after it.

    Args:
        own: Of the parameters to update.
        factor: Of the gradients.
        scalars: The learning rate with Adam's corrections, what is added to the root of the second
            moment, and the weight of the parameters in the average.
    """
    if len(own.parameters) == 0:
        return
    _adam(own, factor, scalars[0], scalars[1])
    values = own.parameters
    for i in range(len(own.pruned)):
        if own.pruned[i]:
            values[i] = 0
    weight = constant(scalars[2], values[0])
    for i in range(len(own.average)):
        own.average[i] += weight * (values[i] - own.average[i])


@part
def _adam(own: State, factor: float, rate: float, eps: float) -> None:
    values, gradients = own.parameters, own.gradients
    first, second = own.first_moment, own.second_moment
    like = values[0]
    scale, to_move, to_add = constant(factor, like), constant(rate, like), constant(eps, like)
    new1, kept2 = constant(1 - own.beta1, like), constant(own.beta2, like)
    new2 = constant(1 - own.beta2, like)
    for i in range(len(values)):
        gradient = gradients[i] * scale
        m = first[i] + new1 * (gradient - first[i])
        v = kept2 * second[i] + new2 * gradient * gradient
        first[i], second[i] = m, v
        values[i] -= to_move * m / (np.sqrt(v) + to_add)
