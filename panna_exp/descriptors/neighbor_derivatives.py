"""Derivatives of descriptors by the neighbours of an atom alone: what files keep of sparse ones.

Moving all atoms together changes no descriptor, so that the derivative by the atom itself is minus
the sum of those by its neighbours: it is made again when it is needed, always in the same order, so
that its bits are the same. A neighbour whose three derivatives are negligible is left out before.

Shapes: S structures, A atoms of all of them, D components, V kept neighbours of components.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.derivatives import Derivatives, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NeighborDerivatives:
    """Jacobians of S structures, component by component of each atom, neighbours ascending.

    Args:
        values: [V, 3] derivatives by a neighbour's position (1/angstrom).
        atoms: [V] which atom of its structure the neighbour is; never the component's own.
        counts: [A, D] how many neighbours each component has.
        num_atoms: [S].
    """

    values: NDArray[Any]
    atoms: NDArray[Any]
    counts: NDArray[Any]
    num_atoms: Ints

    @property
    def starts(self) -> Ints:
        """[S + 1] where each structure's values begin."""
        return _before(self.counts.sum(axis=1))[_before(self.num_atoms)]

    @classmethod
    def from_dense(
        cls, matrices: Sequence[NDArray[Any]], negligible: float
    ) -> "NeighborDerivatives":
        """Takes the neighbours' derivatives out of [A_s, D, A_s, 3] of each structure.

        Args:
            matrices: One per structure.
            negligible: Neighbours without a larger number (1/angstrom) are left out.
        """
        values, atoms, counts = [], [], []
        for matrix in matrices:
            kept = ~(np.abs(matrix) <= negligible).all(axis=3)  # what is no number is kept
            own = np.arange(len(matrix))
            kept[own, :, own] = False
            values.append(matrix[kept])
            atoms.append(np.nonzero(kept)[2])
            counts.append(kept.sum(axis=2))
        return cls(
            values=np.concatenate(values),
            atoms=np.concatenate(atoms),
            counts=np.concatenate(counts),
            num_atoms=np.array([len(matrix) for matrix in matrices]),
        )

    def as_sparse(self) -> Derivatives:
        """Returns all derivatives that are not zero, those by the atom itself included."""
        # Not at the top: few files that are read have derivatives, and numba takes long to import.
        from panna_exp.descriptors.neighbor_loops import elements

        counts = np.ascontiguousarray(self.counts, dtype=np.int32)
        # One more: each element is written before it is known to count.
        most = 3 * (len(self.atoms) + np.count_nonzero(counts)) + 1
        values = np.empty(most, self.values.dtype)
        rows, columns = np.empty(most, np.int32), np.empty(most, np.int32)
        first = _before(self.num_atoms)
        own = np.arange(len(counts)) - np.repeat(first[:-1], self.num_atoms)
        until = np.empty(len(counts), np.int64)
        atoms = self.atoms.astype(np.int32)
        elements(self.values, atoms, counts, own, values, rows, columns, until)
        starts = np.concatenate([[0], until])[first]
        stored = slice(starts[-1])
        return Derivatives(
            values=values[stored], starts=starts, rows=rows[stored], columns=columns[stored]
        )


def _before(counts: NDArray[Any]) -> Ints:
    """Returns [N + 1] the sum of the counts before each place."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
