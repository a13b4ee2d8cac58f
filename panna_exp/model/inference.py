"""Energies and their gradients by the descriptors, of networks that are not trained.

Shapes: A atoms, T species, D descriptor components.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from panna_exp.model.engine import AnyEngine

# Atoms at a time: what the layers keep of them is then small beside the descriptors.
_ATOMS = 8192


def energies_and_gradients(
    engine: AnyEngine, descriptors: Tensor, species_counts: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Returns atomic energies [A] without offsets, and their gradients [A, D].

    Args:
        engine: Of the networks.
        descriptors: [A, D] sorted by species.
        species_counts: [T] atoms of each.
    """
    if len(descriptors) <= _ATOMS:
        cache = engine.forward(descriptors, species_counts)
        return cache.atom_energy, engine.input_gradient(cache)
    energies = descriptors.new_empty(len(descriptors))
    gradients = torch.empty_like(descriptors)
    for start in range(0, len(descriptors), _ATOMS):
        part = slice(start, min(start + _ATOMS, len(descriptors)))
        cache = engine.forward(descriptors[part], _counts_within(part, species_counts))
        energies[part] = cache.atom_energy
        gradients[part] = engine.input_gradient(cache)
    return energies, gradients


def _counts_within(part: slice, counts: Sequence[int]) -> list[int]:
    """Returns how many of some rows belong to each species."""
    found, first = [], 0
    for count in counts:
        found.append(max(0, min(first + count, part.stop) - max(first, part.start)))
        first += count
    return found
