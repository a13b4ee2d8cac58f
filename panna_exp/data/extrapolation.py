"""Atoms whose descriptors lie outside the ranges that a network was trained on.

Shapes: S structures, A atoms, n atoms outside, T species, D components.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from panna_exp.data.ranges import NEGLIGIBLE, Ranges
from panna_exp.data.structures import Descriptors, Floats, Ints

# A component that hardly varied still counts as this wide, as a part of the widest of its species:
# outside of it nothing is known, but infinitely far outside would not order anything.
_NARROWEST = 1e-3
# Values of the same atom differ by this part between precisions and ways of computing.
_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outside:
    """Where each atom lies.

    Args:
        excess: [A] how far outside the atom's worst component is, in widths of that component's
            range; 0 where all are inside, inf where training had no atom of its species.
        component: [A] the worst component, -1 where there is none.
        number: [A] components that are outside.
    """

    excess: Floats
    component: Ints
    number: Ints


def outside(
    descriptors: Descriptors, species: Ints, ranges: Ranges, margin: float = 0.0
) -> Outside:
    """Compares atoms with ranges.

    Args:
        descriptors: [A, D].
        species: [A].
        ranges: Of the training set.
        margin: How far outside a component may be without being counted, in widths of its range.
    """
    excess = np.zeros(len(species))
    component = np.full(len(species), -1)
    number = np.zeros(len(species), dtype=np.int64)
    for index in np.unique(species).tolist():
        atoms = np.flatnonzero(species == index)
        if not ranges.counts[index]:
            excess[atoms] = np.inf
            continue
        low, high = ranges.low[index], ranges.high[index]
        width = np.maximum(high - low, _NARROWEST * (high - low).max())
        width = np.maximum(width, NEGLIGIBLE)
        largest = np.maximum(np.abs(low), np.abs(high))
        allowed = margin * width + _ROUNDING * largest + NEGLIGIBLE
        values = descriptors[atoms]
        beyond = np.maximum(low - values, values - high)
        beyond[beyond <= allowed] = 0.0
        number[atoms] = (beyond > 0).sum(axis=1)
        beyond /= width
        worst = beyond.argmax(axis=1)
        excess[atoms] = beyond[np.arange(len(atoms)), worst]
        component[atoms] = np.where(number[atoms] > 0, worst, -1)
    return Outside(excess=excess, component=component, number=number)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Extrapolation:
    """Atoms outside the ranges of the training set, the worst first.

    Args:
        names: [S] of the structures.
        origins: [S] file and record of each.
        num_atoms: All that were compared.
        structure: [n] the structure of each atom outside.
        atom: [n] its number there, from 0.
        species: [n].
        component: [n] the component that is farthest outside, -1 where training had no atom of the
            species.
        number: [n] components that are outside.
        value: [n] of that component, NaN where there is none.
        low: [n] smallest value in training.
        high: [n] largest value in training.
        excess: [n] how far outside, in widths of the range.
    """

    names: Sequence[str]
    origins: Sequence[str]
    num_atoms: int
    structure: Ints
    atom: Ints
    species: Ints
    component: Ints
    number: Ints
    value: Floats
    low: Floats
    high: Floats
    excess: Floats

    def __len__(self) -> int:
        return len(self.atom)

    @property
    def num_structures(self) -> int:
        """Structures with an atom outside."""
        return len(np.unique(self.structure))
