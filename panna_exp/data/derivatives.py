"""Stored derivatives of descriptors: each structure's Jacobian, dense or without its zeros.

The Jacobian of a structure of A atoms and D components is a matrix [A D, 3 A]: element
(i D + j, 3 k + l) is d descriptor j of atom i / d coordinate l of atom k (1/angstrom), atom k moved
with all its images. S structures are kept one after the other in flat arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Values = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Derivatives:
    """Jacobians of S structures.

    Args:
        values: [V] elements of all structures, of a dense one row by row.
        starts: [S + 1] where each structure's begin.
        rows: [V] of sparse ones, int32; None where dense.
        columns: [V] as ``rows``.
    """

    values: Values
    starts: Ints
    rows: NDArray[np.int32] | None = None
    columns: NDArray[np.int32] | None = None

    @property
    def sparse(self) -> bool:
        """Whether zeros are left out."""
        return self.rows is not None

    @classmethod
    def from_dense(cls, matrices: Sequence[NDArray[Any]]) -> "Derivatives":
        """Packs dense Jacobians of any shape with the right order of elements."""
        starts = np.concatenate([[0], np.cumsum([matrix.size for matrix in matrices])])
        values = np.concatenate([matrix.reshape(-1) for matrix in matrices])
        return cls(values=values, starts=starts.astype(np.int64))

    @classmethod
    def from_sparse(
        cls, items: Sequence[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]
    ) -> "Derivatives":
        """Packs (values, rows, columns) of each structure."""
        starts = np.concatenate([[0], np.cumsum([len(values) for values, _, _ in items])])
        return cls(
            values=np.concatenate([values for values, _, _ in items]),
            starts=starts.astype(np.int64),
            rows=np.concatenate([rows for _, rows, _ in items]).astype(np.int32),
            columns=np.concatenate([columns for _, _, columns in items]).astype(np.int32),
        )

    def matrix(self, index: int, num_atoms: int, size: int) -> Values:
        """Returns the Jacobian [A D, 3 A] of one structure."""
        part = slice(self.starts[index], self.starts[index + 1])
        shape = (num_atoms * size, 3 * num_atoms)
        if self.rows is None or self.columns is None:
            return self.values[part].reshape(shape)
        result: Values = np.zeros(shape, dtype=self.values.dtype)
        result[self.rows[part], self.columns[part]] = self.values[part]
        return result

    def select(self, indices: Ints) -> "Derivatives":
        """Returns those of the structures at ``indices``, in that order."""
        sizes = np.diff(self.starts)[indices]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        places = np.arange(starts[-1]) + np.repeat(self.starts[indices] - starts[:-1], sizes)
        return Derivatives(
            values=self.values[places],
            starts=starts,
            rows=None if self.rows is None else self.rows[places],
            columns=None if self.columns is None else self.columns[places],
        )

    @classmethod
    def concatenate(cls, parts: Sequence["Derivatives"]) -> "Derivatives":
        """Joins parts that are all dense or all sparse."""
        first = np.concatenate([[0], np.cumsum([len(part.values) for part in parts])])
        starts = [part.starts[1:] + start for part, start in zip(parts, first, strict=False)]
        rows = [part.rows for part in parts if part.rows is not None]
        columns = [part.columns for part in parts if part.columns is not None]
        return cls(
            values=np.concatenate([part.values for part in parts]),
            starts=np.concatenate([[0], *starts]).astype(np.int64),
            rows=np.concatenate(rows) if rows else None,
            columns=np.concatenate(columns) if columns else None,
        )

    def as_sparse(self, num_atoms: Ints, size: int) -> "Derivatives":
        """Returns the same without exact zeros; ``num_atoms`` [S] of the structures."""
        if self.sparse:
            return self
        items = []
        for index, atoms in enumerate(num_atoms.tolist()):
            matrix = self.matrix(index, atoms, size)
            rows, columns = np.nonzero(matrix)
            items.append((matrix[rows, columns], rows, columns))
        return Derivatives.from_sparse(items)

    def as_dense(self, num_atoms: Ints, size: int) -> "Derivatives":
        """Returns the same with all zeros; ``num_atoms`` [S] of the structures."""
        if not self.sparse:
            return self
        numbered = enumerate(num_atoms.tolist())
        return Derivatives.from_dense([self.matrix(i, atoms, size) for i, atoms in numbered])
