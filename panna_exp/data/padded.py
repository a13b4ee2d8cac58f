"""Batches of equal shapes, gathered on the device from a resident data set by tensor operations.

What a recorded sequence of GPU operations needs: no shape and no host value depends on the batch,
only one tensor of structure numbers. A batch has a fixed number of rows for each species and of
structures; those to spare belong to a structure that is not there, whose weight is zero.

Shapes: S structures of the data set, B of a batch, T species, N rows of a padded batch,
D descriptor components, E elements of stored derivatives.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from panna_exp.data.batch import AtomBatch, BatchForces, PackedData
from panna_exp.data.jacobians import SparseJacobian, StoredJacobians
from panna_exp.data.structures import Ints

# Most batches of a shuffled data set need no more than this many standard deviations above the
# mean; those that do have the larger of two sizes.
_DEVIATIONS = 3.0
_ROUND = 8  # rows come in multiples of this, as matrix units like them


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a padded batch has room for.

    Args:
        structures: B.
        rows: T, atoms of each species.
        elements: E of stored derivatives; 0 without.
    """

    structures: int
    rows: tuple[int, ...]
    elements: int = 0

    @property
    def num_rows(self) -> int:
        """N."""
        return sum(self.rows)


def capacities(counts: Ints, batch_size: int, elements: Ints | None = None) -> tuple[Capacity, ...]:
    """Returns the sizes of padded batches, ascending: what most batches need, and what any may.

    A pure function of the data and the batch size, so that two runs pad alike.

    Args:
        counts: [T, S] atoms by species and structure.
        batch_size: B at most, all different structures.
        elements: [S] stored elements of each structure, or None.
    """
    structures = min(batch_size, counts.shape[1])
    needed = counts if elements is None else np.vstack([counts, elements])
    largest = _rounded(np.sort(needed, axis=1)[:, -structures:].sum(axis=1))
    usual = structures * needed.mean(axis=1)
    usual += _DEVIATIONS * structures**0.5 * needed.std(axis=1)
    sizes = [np.minimum(_rounded(np.ceil(usual)), largest), largest]
    if np.array_equal(sizes[0], largest):
        del sizes[0]
    species = len(counts)
    return tuple(
        Capacity(structures, tuple(size[:species].tolist()), int(size[species:].sum()))
        for size in sizes
    )


def _rounded(size: Ints) -> Ints:
    return (-(-size // _ROUND) * _ROUND).astype(np.int64)


class PaddedData:
    """A resident data set, and one more structure without atoms that fills batches up.

    Args:
        data: The data set; its derivatives, if there are any, must be stored ones.
        batch_size: Structures of a batch at most.
    """

    def __init__(self, data: PackedData, batch_size: int) -> None:
        device = data.device
        self._data = data
        self._size = len(data)
        # What a batch needs is added up on the host, which must know the shapes.
        self._counts = data.counts
        self._elements: Ints | None = None
        self._stored: _PaddedJacobians | None = None
        if isinstance(data.jacobians, StoredJacobians):
            self._elements = np.diff(data.jacobians.starts)
            self._stored = _PaddedJacobians(data.jacobians, data.atoms)
        self.capacities = capacities(self._counts, batch_size, self._elements)
        self._ranges = {
            capacity: torch.arange(capacity.num_rows, device=device) for capacity in self.capacities
        }
        self._rows = {
            capacity: torch.tensor(capacity.rows, device=device) for capacity in self.capacities
        }
        self._own_counts = _with_absent(torch.from_numpy(data.counts).to(device), 0)
        self._starts = _with_absent(torch.from_numpy(data.starts).to(device), 0)
        self._energy = _with_absent(data.energy, 0)
        self._num_atoms = _with_absent(data.num_atoms, 1)  # it is divided by
        self._weight = _with_absent(torch.ones_like(data.energy), 0)
        self._known = self._weight if data.known is None else _with_absent(data.known, 0)

    @property
    def device(self) -> torch.device:
        """Where batches live."""
        return self._data.device

    def capacity(self, indices: Ints) -> Capacity:
        """Returns the smallest that the structures at ``indices`` fit into."""
        rows = self._counts[:, indices].sum(axis=1)
        elements = 0 if self._elements is None else int(self._elements[indices].sum())
        return next(
            capacity
            for capacity in self.capacities
            if elements <= capacity.elements and (rows <= capacity.rows).all()
        )

    def numbers(self, indices: Ints, capacity: Capacity) -> Ints:
        """Returns [B + 1] the structures at ``indices``, then the absent one in every place left.

        The last place is always that of the absent one: it has the rows to spare.
        """
        numbers = np.full(capacity.structures + 1, self._size)
        numbers[: len(indices)] = indices
        return numbers

    def batch(self, numbers: Tensor, capacity: Capacity) -> AtomBatch:
        """Gathers a batch of B + 1 structures by their ``numbers`` [B + 1] on the device."""
        counts = self._own_counts.index_select(1, numbers)
        counts[:, -1] = self._rows[capacity] - counts.sum(1)
        flat = counts.view(-1)
        ends = torch.cumsum(flat, 0)
        place = self._ranges[capacity]
        block = torch.searchsorted(ends, place, right=True)
        structure = block % len(numbers)
        is_real = structure < capacity.structures
        first = (self._starts.index_select(1, numbers).view(-1) - (ends - flat))[block]
        rows = torch.where(is_real, first + place, 0)
        return AtomBatch(
            species_counts=capacity.rows,
            structure=structure,
            num_atoms=self._num_atoms.index_select(0, numbers),
            energy=self._energy.index_select(0, numbers),
            descriptors=self._data.descriptors.index_select(0, rows),
            forces=self._forces(numbers, capacity, counts, rows, structure, is_real),
            weight=self._weight.index_select(0, numbers),
        )

    def _forces(
        self,
        numbers: Tensor,
        capacity: Capacity,
        counts: Tensor,
        rows: Tensor,
        structure: Tensor,
        is_real: Tensor,
    ) -> BatchForces | None:
        if self._stored is None or self._data.forces is None:
            return None
        order = self._stored.order(rows, structure, is_real)
        num_atoms = counts.sum(0)
        return BatchForces(
            target=self._data.forces.index_select(0, rows) * is_real[:, None],
            known=self._known.index_select(0, numbers),
            jacobian=self._stored.batch(numbers, capacity, num_atoms, order),
            by_structure=order,
        )


class _PaddedJacobians:
    """Stored derivatives as elements with their places, dense ones too.

    Args:
        stored: Of the data set.
        atoms: [A] the data set's atom of each of its rows.
    """

    def __init__(self, stored: StoredJacobians, atoms: Ints) -> None:
        device = stored.values.device
        self._stored = stored
        self._atoms = torch.from_numpy(atoms).to(device)
        lengths = torch.from_numpy(np.diff(stored.starts)).to(device)
        self._lengths = _with_absent(lengths, 0)
        self._starts = torch.from_numpy(stored.starts).to(device)

    def order(self, rows: Tensor, structure: Tensor, is_real: Tensor) -> Tensor:
        """Returns [N] the rows by structure and atom, the spare ones last."""
        count = len(self._atoms)
        atom = torch.where(is_real, self._atoms.index_select(0, rows), 0)
        return torch.argsort(structure * count + atom)

    def batch(
        self, numbers: Tensor, capacity: Capacity, num_atoms: Tensor, order: Tensor
    ) -> SparseJacobian:
        """Returns the Jacobian of a batch with ``num_atoms`` [B + 1], zero for spare rows."""
        lengths = self._lengths.index_select(0, numbers)
        ends = torch.cumsum(lengths, 0)
        place = torch.arange(capacity.elements, device=order.device)
        block = torch.searchsorted(ends, place, right=True)
        is_real = block < len(numbers)
        block = block.clamp(max=len(numbers) - 1)
        own = place - (ends - lengths)[block]  # number within its structure
        chosen = torch.where(is_real, own + self._starts.index_select(0, numbers)[block], 0)
        values = self._stored.values.index_select(0, chosen) * is_real
        before = (torch.cumsum(num_atoms, 0) - num_atoms)[block]
        if self._stored.places is None:
            width = (3 * num_atoms[block]).clamp(min=1)  # 0 where there is no element
            rows = torch.div(own, width, rounding_mode="floor")
            columns = own - rows * width
        else:
            rows, columns = (item.index_select(0, chosen).long() for item in self._stored.places)
        size = self._stored.size
        return SparseJacobian(
            values=values,
            rows=torch.where(is_real, rows + before * size, 0),
            columns=torch.where(is_real, columns + before * 3, 0),
            order=order,
            size=size,
        )


def _with_absent(values: Tensor, of_absent: int) -> Tensor:
    """Returns values with one more in the last dimension, that of the absent structure."""
    more = values.new_full((*values.shape[:-1], 1), of_absent)
    return torch.cat([values, more], dim=-1)


def shapes(sizes: Sequence[Capacity]) -> str:
    """Returns the shapes of padded batches in words."""
    rows = " or ".join(str(capacity.num_rows) for capacity in sizes)
    return f"{sizes[0].structures} structures and {rows} atoms"
