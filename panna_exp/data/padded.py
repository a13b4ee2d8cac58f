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
from panna_exp.data.padded_jacobians import PaddedAtoms, PaddedJacobians
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
        items: Of each kind that Jacobians have.
    """

    structures: int
    rows: tuple[int, ...]
    items: tuple[int, ...] = ()

    @property
    def num_rows(self) -> int:
        """N."""
        return sum(self.rows)


def capacities(
    counts: Ints, batch_size: int, num_species: int, spare: Ints | int = 0
) -> tuple[Capacity, ...]:
    """Returns the sizes of padded batches, ascending: what most batches need, and what any may.

    A pure function of the data and the batch size, so that two runs pad alike.

    Args:
        counts: [T + kinds, S] atoms by species, then items by kind, and structure.
        batch_size: B at most, all different structures.
        num_species: T.
        spare: [T + kinds] room that no batch takes.
    """
    structures = min(batch_size, counts.shape[1])
    largest = _rounded(np.sort(counts, axis=1)[:, -structures:].sum(axis=1) + spare)
    usual = structures * counts.mean(axis=1)
    usual += _DEVIATIONS * structures**0.5 * counts.std(axis=1)
    sizes = [np.minimum(_rounded(np.ceil(usual) + spare), largest), largest]
    if np.array_equal(sizes[0], largest):
        del sizes[0]
    return tuple(
        Capacity(structures, tuple(size[:num_species].tolist()), tuple(size[num_species:].tolist()))
        for size in sizes
    )


def _rounded(size: Ints) -> Ints:
    return (-(-size // _ROUND) * _ROUND).astype(np.int64)


class PaddedData:
    """A resident data set, and one more structure without atoms that fills batches up.

    Args:
        data: The data set.
        batch_size: Structures of a batch at most.
        jacobians: Those of the data, where it has any.
    """

    def __init__(
        self, data: PackedData, batch_size: int, jacobians: PaddedJacobians | None = None
    ) -> None:
        device = data.device
        self._data = data
        self._size = len(data)
        self._jacobians = jacobians
        # What a batch needs is added up on the host, which must know the shapes.
        self._needed = data.counts
        if jacobians is not None:
            self._needed = np.vstack([data.counts, jacobians.items])
            self._atoms = torch.from_numpy(data.atoms).to(device)
        self._spare = np.zeros(len(self._needed), dtype=np.int64)
        species = len(data.counts)
        if jacobians is not None and jacobians.spare_row:
            self._spare[np.flatnonzero(data.counts.any(axis=1))[-1]] = 1  # whose last row is last
            self._spare[species:] = 1
        self.capacities = capacities(self._needed, batch_size, species, self._spare)
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
        self._virial: Tensor | None = None
        if data.virial is not None:
            absent = data.virial.new_full((1, 3, 3), torch.nan)
            self._virial = torch.cat([data.virial, absent])
        self._loss_weights: Tensor | None = None
        if data.loss_weights is not None:
            absent = data.loss_weights.new_ones((1, 3))
            self._loss_weights = torch.cat([data.loss_weights, absent])

    @property
    def device(self) -> torch.device:
        """Where batches live."""
        return self._data.device

    def capacity(self, indices: Ints) -> Capacity:
        """Returns the smallest that the structures at ``indices`` fit into."""
        needed = self._needed[:, indices].sum(axis=1) + self._spare
        return next(
            capacity
            for capacity in self.capacities
            if (needed <= (*capacity.rows, *capacity.items)).all()
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
            loss_weights=(
                None if self._loss_weights is None else self._loss_weights.index_select(0, numbers)
            ),
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
        if self._jacobians is None or self._data.forces is None:
            return None
        atom = torch.where(is_real, self._atoms.index_select(0, rows), 0)
        atoms = PaddedAtoms(
            numbers=numbers,
            num_atoms=counts.sum(0),
            atom=atom,
            structure=structure,
            is_real=is_real,
            order=torch.argsort(structure * len(self._atoms) + atom, stable=True),
            items=capacity.items,
        )
        mask, real = self._data.force_mask, is_real.to(self._data.forces.dtype)
        return BatchForces(
            target=self._data.forces.index_select(0, rows) * real[:, None],
            force_mask=real if mask is None else mask.index_select(0, rows) * real,
            jacobian=self._jacobians.batch(atoms),
            by_structure=atoms.order,
            virial=None if self._virial is None else self._virial.index_select(0, numbers),
        )


def _with_absent(values: Tensor, of_absent: int) -> Tensor:
    """Returns values with one more in the last dimension, that of the absent structure."""
    more = values.new_full((*values.shape[:-1], 1), of_absent)
    return torch.cat([values, more], dim=-1)


def shapes(sizes: Sequence[Capacity]) -> str:
    """Returns the shapes of padded batches in words."""
    rows = " or ".join(str(capacity.num_rows) for capacity in sizes)
    return f"{sizes[0].structures} structures and {rows} atoms"
