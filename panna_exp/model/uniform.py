"""Gradients of networks that all have the same layers: fewer, longer operations.

The same formulas as :mod:`panna_exp.model.gradients` and :mod:`panna_exp.model.force_gradients`,
which are the definition. Where the networks of all species have the same sizes and activations,
values of all atoms lie in one array a layer: each species has matrix products of its own, written
into its rows, and everything else is done once for all atoms. For small batches that is a third of
the calls. Shapes: A atoms, T species, D descriptor components.

Called by those two modules, which switch autograd off; a switch takes as long as a small product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from panna_exp.model.activations import ELEMENTWISE
from panna_exp.model.networks import AtomicNetwork, SpeciesNetworks
from panna_exp.model.slopes import curvature_of, slope_of


@dataclass(frozen=True, slots=True)
class Rows:
    """Species with atoms: their networks, and how many rows each has."""

    networks: list[AtomicNetwork]
    counts: list[int]

    def split(self, values: Tensor) -> tuple[Tensor, ...]:
        """Returns each species' rows; one call, which is cheaper than a slice for each."""
        return torch.split_with_sizes(values, self.counts)


@dataclass(frozen=True, slots=True)
class UniformPass:
    """Atomic energies, and what the way back needs.

    Args:
        atom_energy: [A].
        values: The input [A, D], then every layer's output.
        parts: The same by species, but for the last output.
        inner: z of every layer.
        rows: Species with atoms.
    """

    atom_energy: Tensor
    values: list[Tensor]
    parts: list[tuple[Tensor, ...]]
    inner: list[Tensor]
    rows: Rows


@dataclass(frozen=True, slots=True)
class UniformGradient:
    """dE/dG, and what the gradient of a force loss needs of it.

    Args:
        values: [A, D] v.
        slopes: act'(z) of every layer, None where it is 1.
        upper: dE/dy of every layer.
        scaled: dE/dz of every layer, by species.
    """

    values: Tensor
    slopes: list[Tensor | None]
    upper: list[Tensor]
    scaled: list[tuple[Tensor, ...]]


def forward(
    networks: SpeciesNetworks, descriptors: Tensor, species_counts: Sequence[int]
) -> UniformPass:
    """Returns atomic energies of the descriptors [A, D], sorted by species, and layer values."""
    rows = _rows(networks, species_counts)
    values, parts, inner = [descriptors], [rows.split(descriptors)], []
    first, products = networks.networks[0], networks.products
    last = len(first.activations) - 1
    for number, activation in enumerate(first.activations):
        z = _empty(descriptors, first.weights[number].shape[1])
        for network, x, out in zip(rows.networks, parts[-1], rows.split(z), strict=True):
            products.addmm(network.biases[number], x, network.weights[number], out=out)
        inner.append(z)
        values.append(ELEMENTWISE[activation](z))
        if number < last:
            parts.append(rows.split(values[-1]))
    return UniformPass(values[-1][:, 0], values, parts, inner, rows)


def backward(networks: SpeciesNetworks, passed: UniformPass, gradient: Tensor) -> None:
    """Sets ``.grad`` of the trainable parameters, as ``gradients.backward`` does."""
    lowest, products = networks.lowest_trained, networks.products
    upper = gradient.unsqueeze(1)
    activations = networks.networks[0].activations
    for number in reversed(range(lowest, len(activations))):
        slope = slope_of(activations[number], passed.inner[number], passed.values[number + 1])
        scaled = passed.rows.split(upper if slope is None else slope * upper)
        for network, x, own in zip(passed.rows.networks, passed.parts[number], scaled, strict=True):
            if network.trainable[number]:
                products.mm(x.t(), own, out=network.weights[number].grad)
                torch.sum(own, 0, out=network.biases[number].grad)
        if number > lowest:
            upper = _to_input(networks, passed.rows, number, scaled)


def input_gradient(networks: SpeciesNetworks, passed: UniformPass) -> UniformGradient:
    """Returns the gradient of each atomic energy by its own descriptors."""
    activations = networks.networks[0].activations
    upper = torch.ones_like(passed.values[-1])
    slopes: list[Tensor | None] = []
    uppers, all_scaled = [], []
    for number in reversed(range(len(activations))):
        slope = slope_of(activations[number], passed.inner[number], passed.values[number + 1])
        scaled = passed.rows.split(upper if slope is None else slope * upper)
        slopes.append(slope)
        uppers.append(upper)
        all_scaled.append(scaled)
        upper = _to_input(networks, passed.rows, number, scaled)
    return UniformGradient(upper, slopes[::-1], uppers[::-1], all_scaled[::-1])


def backward_with_direction(
    networks: SpeciesNetworks,
    passed: UniformPass,
    found: UniformGradient,
    gradient: Tensor,
    direction: Tensor,
) -> None:
    """Sets ``.grad``, as ``force_gradients.backward_with_direction`` does."""
    rows, products = passed.rows, networks.products
    activations = networks.networks[0].activations
    changes, inner_changes = [rows.split(direction)], []
    for number, slope in enumerate(found.slopes):
        moved = _empty(direction, passed.inner[number].shape[1])
        for network, x, out in zip(rows.networks, changes[-1], rows.split(moved), strict=True):
            products.mm(x, network.weights[number], out=out)
        inner_changes.append(moved)
        changes.append(rows.split(moved if slope is None else slope * moved))
    lowest = networks.lowest_trained
    upper = gradient.unsqueeze(1)
    for number in reversed(range(lowest, len(activations))):
        slope = found.slopes[number]
        scaled = upper if slope is None else slope * upper
        curvature = curvature_of(
            activations[number], passed.inner[number], passed.values[number + 1], slope
        )
        if curvature is not None:
            scaled.addcmul_(curvature.mul_(inner_changes[number]), found.upper[number])
        parts = rows.split(scaled)
        for place, network in enumerate(rows.networks):
            if network.trainable[number]:
                grad = network.weights[number].grad
                assert grad is not None
                products.mm(passed.parts[number][place].t(), parts[place], out=grad)
                changed = changes[number][place].t()
                products.addmm(grad, changed, found.scaled[number][place], out=grad)
                torch.sum(parts[place], 0, out=network.biases[number].grad)
        if number > lowest:
            upper = _to_input(networks, rows, number, parts)


def _rows(networks: SpeciesNetworks, species_counts: Sequence[int]) -> Rows:
    present = [
        (network, count)
        for network, count in zip(networks.networks, species_counts, strict=True)
        if count
    ]
    return Rows([network for network, _ in present], [count for _, count in present])


def _to_input(
    networks: SpeciesNetworks, rows: Rows, number: int, scaled: Sequence[Tensor]
) -> Tensor:
    """Returns the gradient by a layer's input from that by its z."""
    products = networks.products
    result = scaled[0].new_empty(sum(rows.counts), rows.networks[0].weights[number].shape[0])
    for network, own, out in zip(rows.networks, scaled, rows.split(result), strict=True):
        products.mm(own, network.weights[number].t(), out=out)
    return result


def _empty(like: Tensor, width: int) -> Tensor:
    return like.new_empty(len(like), width)
