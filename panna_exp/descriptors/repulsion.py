"""Short-range repulsion: the universal potential of nuclei, where no data say what happens.

A network knows nothing of distances that its training set does not have, and may well find them
attractive. There the energy of each pair of atoms gets

    E(r) = k Z_i Z_j / r  phi(r / a)  s(r),   a = 0.8854 a_0 / (Z_i^0.23 + Z_j^0.23)

with phi of Ziegler, Biersack and Littmark ("The Stopping and Range of Ions in Solids", 1985). The
switch s falls from 1 to 0 between half of a distance R of the two species and R itself, with two
continuous derivatives. R is the shortest distance of the data, so that these change nothing.

Shapes: P directed pairs, A atoms, S structures, T species. Units: eV, angstrom.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from panna_exp.data.structures import Floats, StructureSet
from panna_exp.descriptors.formulas import screened_repulsion
from panna_exp.descriptors.neighbors import neighbor_pairs
from panna_exp.descriptors.rows import chunks
from panna_exp.elements import SYMBOLS

COULOMB = 14.399645478425668  # e^2 / (4 pi eps_0), eV angstrom, CODATA 2018
BOHR = 0.529177210903  # angstrom
_ATOMS = 16_384


@dataclass(frozen=True, slots=True, eq=False)
class Repulsion:
    """Where the repulsion of each pair of species ends.

    Args:
        symbols: [T] of elements.
        outer: [T, T] symmetric (angstrom); 0: no repulsion.
    """

    symbols: tuple[str, ...]
    outer: Floats

    @classmethod
    def none(cls, symbols: Sequence[str]) -> "Repulsion":
        """Returns one that is nothing at any distance."""
        return cls(tuple(symbols), np.zeros((len(symbols), len(symbols))))

    @property
    def strength(self) -> Floats:
        """[T, T] k Z_i Z_j (eV angstrom)."""
        charges = self._charges
        return COULOMB * charges[:, None] * charges

    @property
    def length(self) -> Floats:
        """[T, T] the screening length a (angstrom)."""
        powers = self._charges**0.23
        return 0.8854 * BOHR / (powers[:, None] + powers)

    @property
    def _charges(self) -> Floats:
        return np.array([SYMBOLS.index(symbol) + 1.0 for symbol in self.symbols])

    def words(self) -> str:
        """Returns where it ends, in words."""
        count = len(self.symbols)
        return ", ".join(
            f"{self.symbols[i]}-{self.symbols[j]} {self.outer[i, j]:.3g}"
            for i in range(count)
            for j in range(i, count)
        )


class RepulsionTerms(NamedTuple):
    """What it adds.

    Args:
        energy: [A] (eV).
        gradient: [A, 3] of the energy by positions (eV/angstrom).
        strain: [S, 3, 3] derivative of the energy by strain (eV).
    """

    energy: Tensor
    gradient: Tensor
    strain: Tensor


class PairRepulsion:
    """The repulsion of atoms whose neighbours are known."""

    def __init__(self, repulsion: Repulsion, device: torch.device | str = "cpu") -> None:
        def table(values: Floats) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values).reshape(-1)).to(device)

        self._count = len(repulsion.symbols)
        self._strength, self._length = table(repulsion.strength), table(repulsion.length)
        self._outer = table(repulsion.outer)
        self._largest = float(repulsion.outer.max(initial=0.0))

    def __call__(
        self,
        positions: Tensor,
        species: Tensor,
        center: Tensor,
        neighbor: Tensor,
        shift: Tensor,
        structure: Tensor,
        num_structures: int,
    ) -> RepulsionTerms:
        """Returns what the directed pairs add; arguments as of ``Geometry``."""
        vectors = positions[neighbor].add_(shift).sub_(positions[center])
        squares = vectors.square().sum(1)
        energy, gradient = positions.new_zeros(len(positions)), torch.zeros_like(positions)
        strain = positions.new_zeros(num_structures, 3, 3)
        near = torch.nonzero(squares < self._largest**2).flatten()
        if len(near) == 0:
            return RepulsionTerms(energy, gradient, strain)
        center, neighbor, vectors = center[near], neighbor[near], vectors[near]
        distance = squares[near].sqrt()
        kinds = species[center] * self._count + species[neighbor]
        value, derivative = screened_repulsion(
            distance, self._strength[kinds], self._length[kinds], self._outer[kinds]
        )
        by_vector = vectors * (0.5 * derivative / distance).unsqueeze(1)
        energy.index_add_(0, center, 0.5 * value)
        gradient.index_add_(0, neighbor, by_vector).index_add_(0, center, by_vector, alpha=-1)
        strain.index_add_(0, structure[center], vectors.unsqueeze(2) * by_vector.unsqueeze(1))
        return RepulsionTerms(energy, gradient, strain)


def repulsion_of(structures: StructureSet, repulsion: Repulsion) -> RepulsionTerms:
    """Returns what it adds to structures with positions."""
    assert structures.positions is not None
    pairs = PairRepulsion(repulsion)
    parts = []
    for some, _ in chunks(structures.offsets, _ATOMS):
        part = structures.select(np.arange(some.start, some.stop))
        assert part.positions is not None
        cutoff = max(float(repulsion.outer.max()), 1e-3)
        center, neighbor, shift = map(torch.from_numpy, neighbor_pairs(part, cutoff))
        owner = torch.from_numpy(np.repeat(np.arange(len(part)), part.num_atoms))
        positions, species = torch.from_numpy(part.positions), torch.from_numpy(part.species)
        parts.append(pairs(positions, species, center, neighbor, shift, owner, len(part)))
    return RepulsionTerms(*(torch.cat(items) for items in zip(*parts, strict=True)))


def shortest_pairs(structures: Sequence[StructureSet], count: int, cutoff: float) -> Floats:
    """Returns [T, T] the shortest distances within a cutoff, inf without any."""
    shortest = np.full((count, count), np.inf)
    for whole in structures:
        for some, _ in chunks(whole.offsets, _ATOMS):
            part = whole.select(np.arange(some.start, some.stop))
            assert part.positions is not None
            center, neighbor, shift = neighbor_pairs(part, cutoff)
            vectors = part.positions[neighbor] + shift - part.positions[center]
            kinds = (part.species[center], part.species[neighbor])
            np.minimum.at(shortest, kinds, np.linalg.norm(vectors, axis=1))
    return shortest
