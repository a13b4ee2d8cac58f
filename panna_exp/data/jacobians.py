"""Products with the descriptors' Jacobian for batches whose atoms are sorted by species.

Whether derivatives are stored or come from positions, the training sees two products only:
J^T v, of which forces are the negative, and J u, which the gradient of a force loss needs.
Shapes: S structures, A atoms of a batch, D descriptor components.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from panna_exp.data.derivatives import Derivatives, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAtoms:
    """Which atoms a batch's rows are.

    Args:
        structures: [S] their numbers in the data set.
        atoms: [A] each row's atom in the data set.
        owner: [A] each row's structure in the batch.
        by_structure: [A] rows in the order of structures, then of their atoms in the data set.
        offsets: [S + 1] where each structure begins in ``by_structure``.
    """

    structures: Ints
    atoms: Ints
    owner: Ints
    by_structure: Ints
    offsets: Ints

    @classmethod
    def of(cls, structures: Ints, atoms: Ints, owner: Ints) -> "BatchAtoms":
        """Works out the order by structure."""
        by_structure = np.lexsort((atoms, owner))
        counts = np.bincount(owner, minlength=len(structures))
        return cls(
            structures=structures,
            atoms=atoms,
            owner=owner,
            by_structure=by_structure,
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        )


# A run that needs them is refused before it starts (assembly.jacobians).
_NO_STRAIN = "stored derivatives are by positions, not by strain"


class BatchJacobian(Protocol):
    """The two products for one batch; those with strain where positions are at hand."""

    def vjp(self, v: Tensor) -> Tensor:
        """Returns J^T v [A, 3] of v [A, D]."""

    def vjp_with_strain(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Returns J^T v [A, 3] and the gradient of sum(v G) by strain [S, 3, 3]."""

    def jvp(self, u: Tensor, strain: Tensor | None = None) -> Tensor:
        """Returns J u [A, D] of u [A, 3], and of strains [S, 3, 3]."""

    def sent_by(self, send: Callable[[Tensor], Tensor]) -> "BatchJacobian":
        """Returns the same on the device of the results of ``send``, if it is not there yet."""


class JacobianSource(Protocol):
    """Jacobians of a data set."""

    def batch(self, atoms: BatchAtoms) -> BatchJacobian:
        """Returns that of a batch."""

    @property
    def num_bytes(self) -> int:
        """Size of what is kept on the device."""


class StoredJacobians:
    """Derivatives of a data set on a device.

    Args:
        derivatives: Of S structures.
        num_atoms: [S].
        size: D.
        dtype: Precision of the network.
        device: Where they are kept.

    Attributes:
        values: [V] elements of all structures, one structure after the other.
        starts: [S + 1] where each structure's begin.
        places: ([V] rows, [V] columns) of sparse ones; None where dense.
        size: D.
    """

    def __init__(
        self,
        derivatives: Derivatives,
        num_atoms: Ints,
        size: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.values = torch.from_numpy(derivatives.values).to(device, dtype)
        self.starts = derivatives.starts
        self.size = size
        self.places: tuple[Tensor, Tensor] | None = None
        self._matrices: list[Tensor] = []
        if derivatives.rows is not None and derivatives.columns is not None:
            places = (derivatives.rows, derivatives.columns)
            rows, columns = (torch.from_numpy(item).to(device) for item in places)
            self.places = rows, columns
        else:
            shapes = [(count * size, 3 * count) for count in num_atoms.tolist()]
            parts = torch.split(self.values, [rows * columns for rows, columns in shapes])
            self._matrices = [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]

    @property
    def num_bytes(self) -> int:
        """Size of what is kept on the device."""
        tensors = (self.values, *(self.places or ()))
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def batch(self, atoms: BatchAtoms) -> BatchJacobian:
        """Returns the Jacobian of a batch."""
        order = torch.from_numpy(atoms.by_structure).to(self.values.device)
        if self.places is None:
            matrices = [self._matrices[index] for index in atoms.structures.tolist()]
            return _DenseJacobian(matrices, order, self.size)
        parts = [(int(self.starts[s]), int(self.starts[s + 1])) for s in atoms.structures]
        lengths = torch.tensor([stop - start for start, stop in parts], device=order.device)
        first = torch.from_numpy(atoms.offsets[:-1]).to(order.device)
        before = first.repeat_interleave(lengths)  # atoms of earlier structures, by element
        rows, columns = (
            torch.cat([place[start:stop] for start, stop in parts]).long() for place in self.places
        )
        return SparseJacobian(
            values=torch.cat([self.values[start:stop] for start, stop in parts]),
            rows=rows.add_(before, alpha=self.size),
            columns=columns.add_(before, alpha=3),
            order=order,
            size=self.size,
        )


@dataclass(frozen=True, slots=True)
class _DenseJacobian:
    """One matrix [A_s D, 3 A_s] a structure; products one by one, without copying them."""

    matrices: list[Tensor]
    order: Tensor
    size: int

    def vjp(self, v: Tensor) -> Tensor:
        ordered = v.index_select(0, self.order).view(-1)
        parts = torch.split(ordered, [len(matrix) for matrix in self.matrices])
        products = [matrix.t().mv(p) for matrix, p in zip(self.matrices, parts, strict=True)]
        return _to_rows(torch.cat(products).view(-1, 3), self.order)

    def vjp_with_strain(self, v: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError(_NO_STRAIN)

    def jvp(self, u: Tensor, strain: Tensor | None = None) -> Tensor:
        ordered = u.index_select(0, self.order).view(-1)
        parts = torch.split(ordered, [matrix.shape[1] for matrix in self.matrices])
        products = [matrix.mv(p) for matrix, p in zip(self.matrices, parts, strict=True)]
        return _to_rows(torch.cat(products).view(-1, self.size), self.order)

    def sent_by(self, send: Callable[[Tensor], Tensor]) -> "_DenseJacobian":
        matrices = [send(matrix) for matrix in self.matrices]
        return replace(self, matrices=matrices, order=send(self.order))


@dataclass(frozen=True, slots=True)
class SparseJacobian:
    """Elements of all structures, with their places among the batch's atoms by structure."""

    values: Tensor
    rows: Tensor
    columns: Tensor
    order: Tensor
    size: int

    def vjp(self, v: Tensor) -> Tensor:
        """Returns J^T v [A, 3] of v [A, D]."""
        ordered = v.index_select(0, self.order).view(-1)
        products = self.values * ordered.index_select(0, self.rows)
        summed = v.new_zeros(3 * len(self.order)).index_add_(0, self.columns, products)
        return _to_rows(summed.view(-1, 3), self.order)

    def vjp_with_strain(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Raises NotImplementedError."""
        raise NotImplementedError(_NO_STRAIN)

    def jvp(self, u: Tensor, strain: Tensor | None = None) -> Tensor:
        """Returns J u [A, D] of u [A, 3]; there is no strain."""
        ordered = u.index_select(0, self.order).view(-1)
        products = self.values * ordered.index_select(0, self.columns)
        summed = u.new_zeros(self.size * len(self.order)).index_add_(0, self.rows, products)
        return _to_rows(summed.view(-1, self.size), self.order)

    def sent_by(self, send: Callable[[Tensor], Tensor]) -> "SparseJacobian":
        """Returns the same with all tensors sent."""
        return replace(
            self,
            values=send(self.values),
            rows=send(self.rows),
            columns=send(self.columns),
            order=send(self.order),
        )


def _to_rows(by_structure: Tensor, order: Tensor) -> Tensor:
    """Puts values in the order of structures back into the batch's rows."""
    return torch.empty_like(by_structure).index_copy_(0, order, by_structure)
