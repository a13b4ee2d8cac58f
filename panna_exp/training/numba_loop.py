"""Compiled steps on energies: from the gather of a batch to Adam's update, many in one call.

The formulas of :mod:`panna_exp.training.step` and what it calls, which are the definition; results
equal it to round-off, and are the same bits however steps are shared among calls. A sum over many
numbers is taken in the lanes of a short array, which vectorises without changing any order.

Letters: S structures of a data set, T species, D descriptor components, P trained parameters. An
array that a training does not need has no elements.
"""

from typing import Any, NamedTuple

import numpy as np

from panna_exp.compiling import compiled, part
from panna_exp.model import numba_passes
from panna_exp.model.numba_activations import constant
from panna_exp.model.numba_passes import Kept, Rows, Shape, Work

# Forms of losses.
QUADRATIC, SUM_OF_EXP, EXP_OF_SUM, TANH_OF_SUM, HUBER = range(5)

_LANES = 256


class Data(NamedTuple):
    """What to train on, sorted by species and then by structure.

    Args:
        descriptors: [A, D].
        counts: [T, S] atoms of each species and structure.
        starts: [T, S] the first of their rows.
        energy: [S] to learn (eV).
        num_atoms: [S].
        weights: [S] factors on what each structure adds to the loss, or none.
        mean: [T, D] subtracted from descriptors, or none.
        scale: [T, D] multiplied then.
    """

    descriptors: Any
    counts: Any
    starts: Any
    energy: Any
    num_atoms: Any
    weights: Any
    mean: Any
    scale: Any


class Loss(NamedTuple):
    """An energy loss of :mod:`panna_exp.training.loss`, of q = dE^2 / N^power.

    Args:
        form: Sum of q; of exp(prefactor q); 0.5 exp(2 sum q); sum dE^2 + exp(5 tanh(sum q / 5));
            sum of q that grows only linearly with the error from huber_delta on.
        power: Of N below dE^2.
        weight_power: Of N below what a structure adds to the loss.
        prefactor, huber_delta: See above.
        is_mean: Whether the sum over the batch is divided by its size.
    """

    form: int
    power: int
    weight_power: int
    prefactor: float
    huber_delta: float
    is_mean: bool


class State(NamedTuple):
    """Parameters, and what moves them.

    Args:
        parameters: [P'] all, those that are trained first.
        gradients: [P].
        first_moment, second_moment: [P] of Adam.
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
    beta1: float
    beta2: float
    clip_value: float
    clip_norm: float
    l1: Any
    l2: Any
    frozen_penalty: float
    pruned: Any
    average: Any


class _Batch(NamedTuple):
    """Memory for a batch: descriptors [A, D], structures, energies and their gradients [A]."""

    descriptors: Any
    structure: Any
    atom_energy: Any
    by_energy: Any


@compiled
def make_steps(
    data: Data,
    shape: Shape,
    loss: Loss,
    state: State,
    indices: Any,
    bounds: Any,
    scalars: Any,
    sums: Any,
) -> Any:
    """Makes a step with the structures ``indices[bounds[k]:bounds[k + 1]]`` for each k.

    Args:
        data: To train on.
        shape: Of the networks.
        loss: Of energies.
        state: Is changed.
        indices: Structures of all batches.
        bounds: [K + 1].
        scalars: [K, 3] of each step: the learning rate with Adam's corrections, what is added to
            the root of the second moment, and the weight of the parameters in the average.
        sums: Of errors as :class:`panna_exp.training.metrics.Totals` has them; added to.

    Returns:
        Errors of the last batch's energies, prediction less target (eV).
    """
    batch, kept, work = _memory(data, shape, indices, bounds, state.gradients)
    delta = np.zeros(0)
    trained = state.parameters[: len(state.gradients)]
    for step in range(len(bounds) - 1):
        chosen = indices[bounds[step] : bounds[step + 1]]
        rows = _gather(data, shape, chosen, batch)
        x = batch.descriptors[: rows.first[-1] + rows.count[-1]]
        numba_passes.forward(state.parameters, shape, rows, x, kept, batch.atom_energy)
        delta = np.zeros(len(chosen))
        sums[0] += _losses(data, loss, chosen, len(x), batch, delta, sums)
        numba_passes.backward(
            state.parameters, shape, rows, x, kept, batch.by_energy, None, state.gradients, work
        )
        if len(state.l1):
            added = _penalise(trained, state.gradients, state.l1, state.l2)
            sums[1] += state.frozen_penalty + added
        _update(trained, state, scalars[step])
    return delta


@part
def _memory(data: Data, shape: Shape, indices: Any, bounds: Any, like: Any) -> Any:
    """Returns arrays that the largest batch fits in, in the precision of ``like``."""
    atoms = values = most = 0
    for step in range(len(bounds) - 1):
        total = size = 0
        for species in range(len(shape.layers)):
            rows = 0
            for chosen in indices[bounds[step] : bounds[step + 1]]:
                rows += data.counts[species, chosen]
            most = max(most, rows)
            total += rows
            size += rows * shape.widths[species, 1:].sum()
        atoms, values = max(atoms, total), max(values, size)
    none = np.empty(0, like.dtype)
    batch = _Batch(
        np.empty((atoms, data.descriptors.shape[1]), like.dtype),
        np.empty(atoms, np.int64),
        np.empty(atoms, like.dtype),
        np.empty(atoms, like.dtype),
    )
    kept = Kept(np.empty(values, like.dtype), np.empty(values, like.dtype), none, none, none, none)
    size = most * shape.widths[:, 1:].max()
    return batch, kept, Work(np.empty(size, like.dtype), np.empty(size, like.dtype), none)


@part
def _gather(data: Data, shape: Shape, chosen: Any, batch: _Batch) -> Rows:
    """Fills the batch's descriptors, standardised, and structures; returns where species lie."""
    species_count, size = len(shape.layers), data.descriptors.shape[1]
    first, count = np.zeros(species_count, np.int64), np.zeros(species_count, np.int64)
    offset = np.zeros(species_count, np.int64)
    row = values = 0
    for species in range(species_count):
        first[species], offset[species] = row, values
        for place in range(len(chosen)):
            start = data.starts[species, chosen[place]]
            for source in range(start, start + data.counts[species, chosen[place]]):
                batch.structure[row] = place
                if len(data.mean):
                    for j in range(size):
                        centred = data.descriptors[source, j] - data.mean[species, j]
                        batch.descriptors[row, j] = centred * data.scale[species, j]
                else:
                    for j in range(size):
                        batch.descriptors[row, j] = data.descriptors[source, j]
                row += 1
        count[species] = row - first[species]
        values += count[species] * shape.widths[species, 1:].sum()
    return Rows(first, count, first, count, offset)


@part
def _losses(
    data: Data, loss: Loss, chosen: Any, atoms: int, batch: _Batch, delta: Any, sums: Any
) -> Any:
    """Fills ``delta`` and the gradients by atomic energies, adds errors; returns the loss."""
    for row in range(atoms):
        delta[batch.structure[row]] += batch.atom_energy[row]
    for place in range(len(chosen)):
        structure = chosen[place]
        delta[place] -= data.energy[structure]
        per_atom = delta[place] / data.num_atoms[structure]
        sums[2] += abs(per_atom)
        sums[3] += per_atom * per_atom
    sums[4] += len(chosen)
    sums[5] += 1
    gradient = np.empty(len(chosen))
    value = _value_and_gradient(data, loss, chosen, delta, gradient)
    for row in range(atoms):
        batch.by_energy[row] = gradient[batch.structure[row]]
    return value


@part
def _value_and_gradient(data: Data, loss: Loss, chosen: Any, delta: Any, gradient: Any) -> float:
    """Returns the loss, and fills its derivative by each error."""
    value = total = squares = 0.0
    for place in range(len(chosen)):
        error, atoms = delta[place], float(data.num_atoms[chosen[place]])
        weight = data.weights[chosen[place]] if len(data.weights) else 1.0
        if loss.is_mean:
            weight /= len(chosen)
        weight /= atoms**loss.weight_power
        squared = error * error / atoms**loss.power
        derivative = 2 * error / atoms**loss.power * weight
        if loss.form == SUM_OF_EXP:
            exponential = np.exp(loss.prefactor * squared)
            value += exponential * weight
            derivative *= loss.prefactor * exponential
        elif loss.form == HUBER and squared > loss.huber_delta**2:
            derivative *= loss.huber_delta / np.sqrt(squared)
            squared = 2 * loss.huber_delta * np.sqrt(squared) - loss.huber_delta**2
        total += squared * weight
        squares += error * error * weight
        gradient[place] = derivative
    if loss.form in (QUADRATIC, HUBER):
        return total
    if loss.form == EXP_OF_SUM:
        value = 0.5 * np.exp(2 * total)
        for place in range(len(chosen)):
            gradient[place] *= 2 * value
    elif loss.form == TANH_OF_SUM:
        bounded = np.tanh(total / 5)
        exponential = np.exp(5 * bounded)
        value = squares + exponential
        for place in range(len(chosen)):
            weight = data.weights[chosen[place]] if len(data.weights) else 1.0
            gradient[place] *= exponential * (1 - bounded * bounded)
            gradient[place] += 2 * delta[place] * weight
    return value


@part
def _penalise(values: Any, gradients: Any, l1: Any, l2: Any) -> float:
    """Adds the gradient of l1 |p| + l2 p^2 to the gradients; returns its value."""
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
def _update(trained: Any, state: State, scalars: Any) -> None:
    """Adam's update with what belongs to it: clipping before, pruning and the average after."""
    if len(trained) == 0:
        return
    gradients = state.gradients
    if state.clip_value > 0:
        _clip(gradients, constant(state.clip_value, gradients[0]))
    factor = 1.0
    if state.clip_norm > 0:
        factor = state.clip_norm / np.sqrt(float(np.dot(gradients, gradients)))
        factor = 1.0 if factor > 1 else factor  # also of what is no number
    _adam(trained, state, factor, scalars[0], scalars[1])
    if len(state.pruned):
        for i in range(len(trained)):
            if state.pruned[i]:
                trained[i] = 0
    if len(state.average):
        weight = constant(scalars[2], trained[0])
        for i in range(len(trained)):
            state.average[i] += weight * (trained[i] - state.average[i])


@part
def _clip(gradients: Any, most: Any) -> None:
    for i in range(len(gradients)):
        if gradients[i] > most:
            gradients[i] = most
        elif gradients[i] < -most:
            gradients[i] = -most


@part
def _adam(values: Any, state: State, factor: float, rate: float, eps: float) -> None:
    first, second, gradients = state.first_moment, state.second_moment, state.gradients
    like = values[0]
    scale, to_move, to_add = constant(factor, like), constant(rate, like), constant(eps, like)
    new1, kept2 = constant(1 - state.beta1, like), constant(state.beta2, like)
    new2 = constant(1 - state.beta2, like)
    for i in range(len(values)):
        gradient = gradients[i] * scale
        m = first[i] + new1 * (gradient - first[i])
        v = kept2 * second[i] + new2 * gradient * gradient
        first[i], second[i] = m, v
        values[i] -= to_move * m / (np.sqrt(v) + to_add)
