"""Compiled steps on energies: from the gather of a batch to Adam's update, many in one call.

The formulas of :mod:`panna_exp.training.step` and what it calls, which are the definition; results
equal it to round-off, and are the same bits however steps are shared among calls.

Letters: S structures of a data set, T species, D descriptor components. An array that a training
does not need has no elements.
"""

from typing import Any, NamedTuple

import numpy as np

from panna_exp.compiling import compiled, part
from panna_exp.model import numba_passes
from panna_exp.model.numba_passes import Kept, Rows, Shape, Work
from panna_exp.training.numba_update import (
    State,
    complete_gradient,
    part_of,
    shortening,
    update,
)

# Forms of losses.
QUADRATIC, SUM_OF_EXP, EXP_OF_SUM, TANH_OF_SUM, HUBER = range(5)


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
    for step in range(len(bounds) - 1):
        chosen = indices[bounds[step] : bounds[step + 1]]
        rows = _gather(data, shape, chosen, batch)
        x = batch.descriptors[: rows.first[-1] + rows.count[-1]]
        numba_passes.forward(state.parameters, shape, rows, x, kept, batch.atom_energy)
        delta = np.zeros(len(chosen))
        sums[0] += _losses(data, loss, chosen, len(x), batch, delta, sums)
        upwards = step % 2 == 0
        penalty = _learn(shape, state, rows, x, kept, batch.by_energy, work, scalars[step], upwards)
        if len(state.l1):
            sums[1] += state.frozen_penalty + penalty
    return delta


@part
def _learn(
    shape: Shape,
    state: State,
    rows: Rows,
    x: Any,
    kept: Kept,
    by_energy: Any,
    work: Work,
    scalars: Any,
    upwards: bool,
) -> float:
    """Computes the gradients and makes the update; returns the penalty of trained parameters.

    One species after the other while its numbers are in the processor's cache: up and down in
    turn, since those that were used last are still there. No bit depends on it.
    """
    number = len(shape.layers)
    penalties = np.zeros(number)
    for place in range(number):
        species = place if upwards else number - 1 - place
        numba_passes.backward_of(
            species,
            state.parameters,
            shape,
            rows,
            x,
            kept,
            by_energy,
            None,
            state.gradients,
            work,
        )
        own = part_of(state, species)
        penalties[species] = complete_gradient(own)
        if state.clip_norm == 0:
            update(own, 1.0, scalars)
    if state.clip_norm > 0:
        factor = shortening(state)
        for species in range(number):
            update(part_of(state, species), factor, scalars)
    return penalties.sum()  # type: ignore[no-any-return]


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
