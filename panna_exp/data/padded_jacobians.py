"""Jacobians of padded batches (data.padded): what they ask for, and those of stored derivatives.

Shapes: S structures of the data set, B of a batch, N rows of a padded batch, D components.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from panna_exp.data.jacobians import BatchJacobian, SparseJacobian, StoredJacobians
from panna_exp.data.structures import Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class PaddedAtoms:
    """Which atoms the rows of a padded batch are.

    Args:
        numbers: [B + 1] the structures; S is the one that is not there.
        num_atoms: [B + 1] rows of each, of the last one those to spare.
        atom: [N] each row's atom in the data set, 0 for spare rows.
        structure: [N] each row's structure in the batch; B for spare rows.
        is_real: [N] whether a row is not spare.
        order: [N] rows in the order of structures, then of their atoms; spare ones last.
        items: How many items (of ``PaddedJacobians.items``) of each kind there are room for.
    """

    numbers: Tensor
    num_atoms: Tensor
    atom: Tensor
    structure: Tensor
    is_real: Tensor
    order: Tensor
    items: tuple[int, ...]

    @property
    def before(self) -> Tensor:
        """[B + 1] places in ``order`` before each structure's."""
        return torch.cumsum(self.num_atoms, 0) - self.num_atoms


class PaddedJacobians(Protocol):
    """Jacobians of a resident data set, for padded batches.

    Attributes:
        items: [kinds, S] how much of each kind that takes room a structure has.
        spare_row: Whether the last row of a batch must be a spare one.
    """

    items: Ints
    spare_row: bool

    def batch(self, atoms: PaddedAtoms) -> BatchJacobian:
        """Returns the Jacobian of a batch, zero for spare rows; the device works alone."""


class PaddedStored:
    """Stored derivatives as elements with their places, dense ones too.

    Args:
        stored: Of the data set.
    """

    spare_row = False

    def __init__(self, stored: StoredJacobians) -> None:
        self._stored = stored
        lengths = np.diff(stored.starts)
        self.items = lengths[None]
        device = stored.values.device
        self._lengths = torch.from_numpy(np.append(lengths, 0)).to(device)
        self._starts = torch.from_numpy(stored.starts).to(device)

    def batch(self, atoms: PaddedAtoms) -> SparseJacobian:
        """Returns the Jacobian of a batch, zero for spare rows."""
        (room,) = atoms.items
        place = torch.arange(room, device=atoms.order.device)
        lengths = self._lengths.index_select(0, atoms.numbers)
        ends = torch.cumsum(lengths, 0)
        block = torch.searchsorted(ends, place, right=True)
        is_real = block < len(ends)
        block = block.clamp(max=len(ends) - 1)
        own = place - (ends - lengths)[block]  # number within its structure
        start = self._starts.index_select(0, atoms.numbers)[block]
        chosen = torch.where(is_real, own + start, 0)
        if self._stored.places is None:
            width = (3 * atoms.num_atoms[block]).clamp(min=1)  # 0 where there is no element
            rows = torch.div(own, width, rounding_mode="floor")
            columns = own - rows * width
        else:
            rows, columns = (item.index_select(0, chosen).long() for item in self._stored.places)
        before, size = atoms.before[block], self._stored.size
        return SparseJacobian(
            values=self._stored.values.index_select(0, chosen) * is_real,
            rows=torch.where(is_real, rows + before * size, 0),
            columns=torch.where(is_real, columns + before * 3, 0),
            order=atoms.order,
            size=size,
        )
