"""Ranges of descriptor components by species of the central atom, gathered piece by piece.

Shapes: A atoms, T species, D components.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.structures import Descriptors, Floats, Ints

# Below this a component counts as zero: neither type of descriptor has a scale that small, and
# Gaussians far from their centres are held at tiny numbers instead of zero.
NEGLIGIBLE = 1e-8
# Values that agree to this many roundings are equal.
_ROUNDINGS = 16.0
# Atoms that tell most components apart, so that few pairs are compared in all of them.
_FIRST_ATOMS = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranges:
    """The range of each component.

    Args:
        counts: [T] atoms.
        low: [T, D] smallest values, inf where there are no atoms.
        high: [T, D] largest values, -inf where there are no atoms.
    """

    counts: Ints
    low: Floats
    high: Floats

    @classmethod
    def empty(cls, num_species: int, size: int) -> "Ranges":
        """Returns the ranges of no atoms at all."""
        shape = (num_species, size)
        return cls(
            counts=np.zeros(num_species, dtype=np.int64),
            low=np.full(shape, np.inf),
            high=np.full(shape, -np.inf),
        )

    @classmethod
    def of(cls, descriptors: Descriptors, species: Ints, num_species: int) -> "Ranges":
        """Returns the ranges of atoms with ``descriptors`` [A, D] and ``species`` [A]."""
        found = cls.empty(num_species, descriptors.shape[1])
        for index in np.unique(species).tolist():
            values = descriptors[species == index]
            found.counts[index] = len(values)
            found.low[index], found.high[index] = values.min(axis=0), values.max(axis=0)
        return found

    @property
    def size(self) -> int:
        """D."""
        return int(self.low.shape[1])

    def same(self, other: "Ranges | None") -> bool:
        """Whether two data sets have the same ranges."""
        return other is not None and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in ("low", "high")
        )

    def widened(self, other: "Ranges") -> "Ranges":
        """Returns the ranges of both data sets together."""
        return Ranges(
            counts=self.counts + other.counts,
            low=np.minimum(self.low, other.low),
            high=np.maximum(self.high, other.high),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Statistics:
    """Ranges and moments of each component.

    Args:
        ranges: Smallest and largest values, counts.
        mean: [T, D], 0 where there are no atoms.
        deviation: [T, D] standard deviation over the atoms.
        groups: [D] the first component that is equal in every atom, often the component itself.
        precision: Distance of 1 from the next number of the values' type.
    """

    ranges: Ranges
    mean: Floats
    deviation: Floats
    groups: Ints
    precision: float

    @property
    def zero(self) -> NDArray[np.bool_]:
        """[T, D] zero in every atom of a species that has atoms."""
        return self._seen & (self._largest < NEGLIGIBLE)

    @property
    def constant(self) -> NDArray[np.bool_]:
        """[T, D] the same in every atom (zero or not) of a species that has atoms."""
        spread = np.where(self._seen, self.ranges.high - self.ranges.low, np.inf)
        allowed = np.maximum(NEGLIGIBLE, _ROUNDINGS * self.precision * self._largest)
        return spread <= allowed

    def duplicates(self) -> list[list[int]]:
        """Returns components that are equal in every atom, without those that are constant."""
        seen = self.ranges.counts > 0
        varied = ~self.constant[seen].all(axis=0)
        found: dict[int, list[int]] = {}
        for component in np.flatnonzero(varied).tolist():
            found.setdefault(int(self.groups[component]), []).append(component)
        return [members for members in found.values() if len(members) > 1]

    @property
    def _seen(self) -> NDArray[np.bool_]:
        return (self.ranges.counts > 0)[:, None]

    @property
    def _largest(self) -> Floats:
        bounds = np.maximum(np.abs(self.ranges.low), np.abs(self.ranges.high))
        return np.where(self._seen, bounds, 0.0)


class RangeCounter:
    """Gathers ranges, means and deviations over any number of atoms.

    Args:
        num_species: T.
        size: D.
    """

    def __init__(self, num_species: int, size: int) -> None:
        shape = (num_species, size)
        self._ranges = Ranges.empty(num_species, size)
        self._mean, self._squares = np.zeros(shape), np.zeros(shape)
        self._groups: list[Ints] = [np.arange(size)]
        self._precision = float(np.finfo(np.float64).eps)

    def add(self, descriptors: Descriptors, species: Ints) -> None:
        """Adds atoms.

        Args:
            descriptors: [A, D].
            species: [A].
        """
        self._precision = max(self._precision, float(np.finfo(descriptors.dtype).eps))
        for index in np.unique(species).tolist():
            self._add_moments(index, descriptors[species == index])
        own = Ranges.of(descriptors, species, len(self._mean))
        self._ranges = self._ranges.widened(own)
        for some in (descriptors[:_FIRST_ATOMS], descriptors[_FIRST_ATOMS:]):
            if len(some):
                self._groups = [part for old in self._groups for part in self._split(old, some)]

    def statistics(self) -> Statistics:
        """Returns all that was gathered."""
        first = np.arange(self._ranges.size)
        for members in self._groups:
            first[members] = members[0]
        variance = self._squares / np.maximum(self._ranges.counts, 1)[:, None]
        return Statistics(
            ranges=self._ranges,
            mean=self._mean.copy(),
            deviation=np.sqrt(variance),
            groups=first,
            precision=self._precision,
        )

    def _add_moments(self, index: int, values: Descriptors) -> None:
        """Joins the moments of two samples (Chan, Golub, LeVeque, 1979)."""
        count, before = len(values), int(self._ranges.counts[index])
        mean = values.mean(axis=0, dtype=np.float64)
        squares = ((values - mean) ** 2).sum(axis=0)
        step = mean - self._mean[index]
        self._mean[index] += step * (count / (before + count))
        self._squares[index] += squares + step**2 * (before * count / (before + count))

    def _split(self, members: Ints, values: Descriptors) -> list[Ints]:
        """Parts components into groups that are equal in all of ``values``."""
        parts = []
        while len(members) > 1:
            first, others = values[:, members[0]][:, None], values[:, members]
            allowed = _ROUNDINGS * self._precision * np.maximum(np.abs(first), np.abs(others))
            same = (np.abs(others - first) <= np.maximum(allowed, NEGLIGIBLE)).all(axis=0)
            parts.append(members[same])
            members = members[~same]
        if len(members):
            parts.append(members)
        return [part for part in parts if len(part) > 1]
