"""Gradients of networks that all have the same layers: fewer, longer operations.

The same formulas as :mod:`panna_exp.model.gradients` and :mod:`panna_exp.model.force_gradients`,
which are the definition. Where the networks of all species have the same sizes and activations,
values of all atoms lie in one array a layer: each species has matrix products of its own, written
into its rows, and everything else is done once for all atoms. For small batches that is a third of
the calls. Shapes: A atoms, T species, D descriptor components.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from panna_exp.model.activations import ELEMENTWISE
from panna_exp.model.networks import AtomicNetwork, SpeciesNetworks
from panna_exp.model.slopes import curvature_of, slope_of

Rows = list[tuple[AtomicNetwork, slice]]


@dataclass(frozen=True, slots=True)
class UniformPass:
    """Atomic energies, and what the way back needs.

    Args:
        atom_energy: [A].
        values: The input [A, D], then every layer's output.
        inner: z of every layer.
        rows: Each species' network with its rows.
    """

    atom_energy: Tensor
    values: list[Tensor]
    inner: list[Tensor]
    rows: Rows


@dataclass(frozen=True, slots=True)
class UniformGradient:
    """dE/dG, and what the gradient of a force loss needs of it.

    Args:
        values: [A, D] v.
        slopes: act'(z) of every layer, None where it is 1.
        upper: dE/dy of every layer.
        scaled: dE/dz of every layer.
    """

    values: Tensor
    slopes: list[Tensor | None]
    upper: list[Tensor]
    scaled: list[Tensor]


@torch.no_grad()
def forward(
    networks: SpeciesNetworks, descriptors: Tensor, species_counts: Sequence[int]
) -> UniformPass:
    """Returns atomic energies of the descriptors [A, D], sorted by species, and layer values."""
    rows = list(_rows(networks, species_counts))
    values, inner = [descriptors], []
    first = networks.networks[0]
    for number, activation in enumerate(first.activations):
        z = _empty(descriptors, first.weights[number].shape[1])
        for network, part in rows:
            biases, weights = network.biases[number], network.weights[number]
            torch.addmm(biases, values[-1][part], weights, out=z[part])
        inner.append(z)
        values.append(ELEMENTWISE[activation](z))
    return UniformPass(values[-1][:, 0], values, inner, rows)


@torch.no_grad()
def backward(networks: SpeciesNetworks, passed: UniformPass, gradient: Tensor) -> None:
    """Sets ``.grad`` of the trainable parameters, as ``gradients.backward`` does."""
    lowest = _lowest(networks)
    upper = gradient.unsqueeze(1)
    activations = networks.networks[0].activations
    for number in reversed(range(lowest, len(activations))):
        slope = slope_of(activations[number], passed.inner[number], passed.values[number + 1])
        scaled = upper if slope is None else slope * upper
        for network, part in passed.rows:
            if network.trainable[number]:
                x = passed.values[number][part]
                torch.mm(x.t(), scaled[part], out=network.weights[number].grad)
                torch.sum(scaled[part], 0, out=network.biases[number].grad)
        if number > lowest:
            upper = _to_input(passed.rows, number, scaled)


@torch.no_grad()
def input_gradient(networks: SpeciesNetworks, passed: UniformPass) -> UniformGradient:
    """Returns the gradient of each atomic energy by its own descriptors."""
    activations = networks.networks[0].activations
    upper = torch.ones_like(passed.values[-1])
    slopes: list[Tensor | None] = []
    uppers, all_scaled = [], []
    for number in reversed(range(len(activations))):
        slope = slope_of(activations[number], passed.inner[number], passed.values[number + 1])
        scaled = upper if slope is None else slope * upper
        slopes.append(slope)
        uppers.append(upper)
        all_scaled.append(scaled)
        upper = _to_input(passed.rows, number, scaled)
    return UniformGradient(upper, slopes[::-1], uppers[::-1], all_scaled[::-1])


@torch.no_grad()
def backward_with_direction(
    networks: SpeciesNetworks,
    passed: UniformPass,
    found: UniformGradient,
    gradient: Tensor,
    direction: Tensor,
) -> None:
    """Sets ``.grad``, as ``force_gradients.backward_with_direction`` does."""
    activations = networks.networks[0].activations
    changes, inner_changes = [direction], []
    for number, slope in enumerate(found.slopes):
        moved = _empty(direction, passed.inner[number].shape[1])
        for network, part in passed.rows:
            torch.mm(changes[-1][part], network.weights[number], out=moved[part])
        inner_changes.append(moved)
        changes.append(moved if slope is None else slope * moved)
    lowest = _lowest(networks)
    upper = gradient.unsqueeze(1)
    for number in reversed(range(lowest, len(activations))):
        slope = found.slopes[number]
        scaled = upper if slope is None else slope * upper
        curvature = curvature_of(
            activations[number], passed.inner[number], passed.values[number + 1], slope
        )
        if curvature is not None:
            scaled.addcmul_(curvature.mul_(inner_changes[number]), found.upper[number])
        for network, part in passed.rows:
            if network.trainable[number]:
                grad = network.weights[number].grad
                assert grad is not None
                torch.mm(passed.values[number][part].t(), scaled[part], out=grad)
                grad.addmm_(changes[number][part].t(), found.scaled[number][part])
                torch.sum(scaled[part], 0, out=network.biases[number].grad)
        if number > lowest:
            upper = _to_input(passed.rows, number, scaled)


def _rows(
    networks: SpeciesNetworks, species_counts: Sequence[int]
) -> Iterator[tuple[AtomicNetwork, slice]]:
    ends = [0]
    for count in species_counts:
        ends.append(ends[-1] + count)
    for network, (start, stop) in zip(networks.networks, pairwise(ends), strict=True):
        if stop > start:
            yield network, slice(start, stop)


def _to_input(rows: Rows, number: int, scaled: Tensor) -> Tensor:
    """Returns the gradient by a layer's input from that by its z."""
    result = _empty(scaled, rows[0][0].weights[number].shape[0])
    for network, part in rows:
        torch.mm(scaled[part], network.weights[number].t(), out=result[part])
    return result


def _lowest(networks: SpeciesNetworks) -> int:
    """The lowest layer that anything below needs no gradient of."""
    last = len(networks.networks[0].activations)
    return min(
        network.trainable.index(True) if True in network.trainable else last
        for network in networks.networks
    )


def _empty(like: Tensor, width: int) -> Tensor:
    return like.new_empty(len(like), width)
