"""Passes of networks whose inputs are standardised, by any engine of plain inputs.

With x = (G - mean) inverse: v = dE/dG = inverse dE/dx, and a direction of v is one of dE/dx times
inverse. Shapes: A atoms, T species, D descriptor components.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from panna_exp.model.engine import AnyEngine
from panna_exp.model.networks import SpeciesNetworks


@dataclass(frozen=True, slots=True)
class StandardizedCache:
    """A forward pass of the engine inside, and the atoms of each species."""

    inner: Any
    counts: list[int]

    @property
    def atom_energy(self) -> Tensor:
        """[A], without offsets."""
        energy: Tensor = self.inner.atom_energy
        return energy


class StandardizedEngine:
    """An engine that gives another one standardised inputs.

    Args:
        engine: Of networks with a standardisation.
    """

    def __init__(self, engine: AnyEngine) -> None:
        self._engine = engine
        self.networks: SpeciesNetworks = engine.networks

    @torch.no_grad()
    def forward(self, descriptors: Tensor, species_counts: Sequence[int]) -> StandardizedCache:
        """As :class:`panna_exp.model.engine.Engine`."""
        counts = list(species_counts)
        inputs = self.networks.standardized(descriptors, counts)
        return StandardizedCache(self._engine.forward(inputs, counts), counts)

    @torch.no_grad()
    def input_gradient(self, cache: StandardizedCache) -> Tensor:
        """As :class:`panna_exp.model.engine.Engine`, by plain descriptors."""
        by_input = self._engine.input_gradient(cache.inner)
        return self._scaled(by_input, cache.counts)

    @torch.no_grad()
    def backward(
        self, cache: StandardizedCache, gradient: Tensor, direction: Tensor | None = None
    ) -> None:
        """As :class:`panna_exp.model.engine.Engine`."""
        if direction is not None:
            direction = self._scaled(direction, cache.counts)
        self._engine.backward(cache.inner, gradient, direction)

    def _scaled(self, values: Tensor, counts: list[int]) -> Tensor:
        result = torch.empty_like(values)
        blocks = zip(
            torch.split_with_sizes(values, counts),
            torch.split_with_sizes(result, counts),
            self.networks.input_scale,
            strict=True,
        )
        for block, out, scale in blocks:
            torch.mul(block, scale, out=out)
        return result
