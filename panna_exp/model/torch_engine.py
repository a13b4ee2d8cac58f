"""Networks' passes by operations of torch, on any device: the definition of all other engines.

Derivatives are written out layer by layer. The same numbers as autograd (a test says so) in about
half the time for networks of PANNA's size, because nothing is recorded and gradients land where the
optimiser reads them. Shapes: A atoms, T species, D descriptor components.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from panna_exp.model.activations import FUNCTIONS
from panna_exp.model.group_pass import GroupPass
from panna_exp.model.layer import Layer
from panna_exp.model.networks import AtomicNetwork, SpeciesNetworks
from panna_exp.model.products import EXACT, Products


@dataclass(frozen=True, slots=True)
class TorchCache:
    """A forward pass.

    Args:
        atom_energy: [A], without offsets.
        counts: [T] atoms of each species.
        passes: Of each group with atoms: the number of the group, its species, what layers keep.
    """

    atom_energy: Tensor
    counts: list[int]
    passes: list[tuple["_Group", list[int], GroupPass]]


class TorchEngine:
    """Passes through networks, group by group of species with equal layers.

    Args:
        networks: Read at each pass; gradients land in their parameters' ``.grad``.
        products: How matrices are multiplied.
    """

    def __init__(self, networks: SpeciesNetworks, products: Products = EXACT) -> None:
        self.networks = networks
        self.products = products
        self._groups = [_Group(networks, species) for species in _equal(networks.networks)]

    @torch.no_grad()
    def forward(self, descriptors: Tensor, species_counts: Sequence[int]) -> TorchCache:
        """Returns atomic energies of the descriptors [A, D], sorted by species."""
        counts = list(species_counts)
        blocks = torch.split_with_sizes(descriptors, counts)
        passes = []
        for group in self._groups:
            species, layers = group.present(counts)
            if species:
                rows = [counts[index] for index in species]
                one = GroupPass(layers, group.functions, rows, self.products)
                one.forward([blocks[index] for index in species])
                passes.append((group, species, one))
        return TorchCache(_energies(passes, descriptors), counts, passes)

    @torch.no_grad()
    def input_gradient(self, cache: TorchCache) -> Tensor:
        """Returns the gradient [A, D] of each atomic energy by its own descriptors."""
        values = cache.atom_energy.new_empty(len(cache.atom_energy), self.networks.feature_size)
        blocks = torch.split_with_sizes(values, cache.counts)
        for _, species, one in cache.passes:
            one.input_gradient([blocks[index] for index in species])
        return values

    @torch.no_grad()
    def backward(
        self, cache: TorchCache, gradient: Tensor, direction: Tensor | None = None
    ) -> None:
        """Sets ``.grad`` of all trainable parameters, as :class:`panna_exp.model.engine.Engine`."""
        if 0 in cache.counts:
            for group in self._groups:
                group.zero_absent(cache.counts)
        gradients = torch.split_with_sizes(gradient.unsqueeze(1), cache.counts)
        for group, species, one in cache.passes:
            parts = [gradients[index] for index in species]
            whole = gradient.unsqueeze(1) if len(cache.passes) == 1 else torch.cat(parts)
            if direction is None:
                one.backward(whole, group.lowest)
            else:
                blocks = torch.split_with_sizes(direction, cache.counts)
                one.backward_along(whole, [blocks[index] for index in species], group.lowest)


class _Group:
    """Species with equal layers.

    Args:
        networks: Of all species.
        species: Indices of those of the group.
    """

    def __init__(self, networks: SpeciesNetworks, species: list[int]) -> None:
        self._species = species
        self._networks = [networks.networks[index] for index in species]
        self._layers = _by_layer(self._networks)
        first = self._networks[0].layers
        self.functions = [FUNCTIONS[layer.activation] for layer in first]
        # The lowest layer, of all species, that anything below needs no gradient of.
        self.lowest = min(network.lowest_trained for network in self._networks)

    def present(self, counts: Sequence[int]) -> tuple[list[int], Sequence[Sequence[Layer]]]:
        """Returns the species with atoms, and their layers."""
        species = [index for index in self._species if counts[index]]
        if len(species) == len(self._species):
            return species, self._layers
        pairs = zip(self._species, self._networks, strict=True)
        return species, _by_layer([network for index, network in pairs if counts[index]])

    def zero_absent(self, counts: Sequence[int]) -> None:
        """Sets the gradients of species without atoms to zero."""
        for index, network in zip(self._species, self._networks, strict=True):
            if not counts[index]:
                for layer in network.layers:
                    if layer.trainable:
                        layer.zero_gradient()


def _by_layer(networks: Sequence[AtomicNetwork]) -> Sequence[Sequence[Layer]]:
    return list(zip(*(network.layers for network in networks), strict=True))


def _energies(passes: Sequence[tuple[_Group, list[int], GroupPass]], descriptors: Tensor) -> Tensor:
    """Returns the atomic energies [A] in the order of the species."""
    if len(passes) == 1:
        return passes[0][2].outputs[-1][:, 0]
    blocks: dict[int, Tensor] = {}
    for _, species, one in passes:
        blocks |= dict(zip(species, one.split(one.outputs[-1][:, 0]), strict=True))
    if not blocks:
        return descriptors.new_zeros(0)
    return torch.cat([blocks[index] for index in sorted(blocks)])


def _equal(networks: Sequence[AtomicNetwork]) -> list[list[int]]:
    """Returns the indices of species by their layers, which are the same within each list."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, network in enumerate(networks):
        groups.setdefault(network.architecture, []).append(index)
    return list(groups.values())
