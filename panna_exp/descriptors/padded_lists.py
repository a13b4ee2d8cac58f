"""Neighbour lists of padded batches (data.padded), gathered by tensor operations alone.

Lists have room for as many pairs and triples as a batch may need. Those to spare belong to the
last row of the batch, which is a spare one: its pairs lead to itself, further away than any cutoff,
so that all terms and derivatives are zero.

Shapes: A atoms of the data set, N rows of a batch, P and Q pairs and triples there is room for.
"""

import copy

import numpy as np
import torch
from torch import Tensor

from panna_exp.data.padded_jacobians import PaddedAtoms
from panna_exp.data.structures import Ints
from panna_exp.descriptors.geometry import Geometry
from panna_exp.descriptors.lists import NeighborLists, OnTheFly
from panna_exp.descriptors.rows import starts_of

_FAR = 1e3  # angstrom


class PaddedLists:
    """Jacobians computed from positions, for padded batches.

    Args:
        lists: Of the data set, without tables of compiled loops.
        offsets: [S + 1] the first atom of each structure.
    """

    spare_row = True

    def __init__(self, lists: NeighborLists, offsets: Ints) -> None:
        assert lists.table is None
        self._lists = lists
        device = lists.positions.device
        untils = (lists.pairs_until, lists.triples_until)
        self.items = np.stack([np.diff(until[offsets]) for until in untils])
        self._until = [torch.from_numpy(until).to(device) for until in untils]

    def batch(self, atoms: PaddedAtoms) -> OnTheFly:
        """Returns the products for a batch."""
        operator = copy.copy(self._lists.operator)
        operator.chunk = max(atoms.items)  # one piece: where to cut would depend on the batch
        return OnTheFly(operator, self.geometry(atoms))

    def geometry(self, atoms: PaddedAtoms) -> Geometry:
        """Returns positions and lists of a batch."""
        lists = self._lists
        last = len(atoms.atom) - 1
        pair_counts, pair_ends, center, pair_place = self._placed(0, atoms, lists.pair_counts)
        triple_counts, _, corner, triple_place = self._placed(1, atoms, lists.triple_counts)
        pair_is_real = atoms.is_real[center]
        first_row = atoms.before[atoms.structure[center]]
        number = lists.neighbor.index_select(0, pair_place) + first_row
        neighbor = atoms.order[torch.where(pair_is_real, number, 0)]
        shift = lists.shift.index_select(0, pair_place)
        triple_is_real = atoms.is_real[corner]
        own_pairs = (pair_ends - pair_counts.sum(1))[corner]
        num_pairs, num_triples = atoms.items
        first, second = (
            torch.where(
                triple_is_real, item.index_select(0, triple_place) + own_pairs, num_pairs - 1
            )
            for item in (lists.first, lists.second)
        )
        return Geometry(
            positions=lists.positions.index_select(0, atoms.atom),
            species=lists.species.index_select(0, atoms.atom),
            structure=atoms.structure,
            num_structures=len(atoms.numbers),
            center=center,
            neighbor=torch.where(pair_is_real, neighbor, last),
            shift=torch.where(pair_is_real[:, None], shift, _FAR),
            pair_rows=starts_of(pair_counts),
            first=first,
            second=second,
            triple_rows=starts_of(triple_counts),
            pairs_until=_in_one_piece(last + 1, num_pairs),
            triples_until=_in_one_piece(last + 1, num_triples),
        )

    def _placed(
        self, kind: int, atoms: PaddedAtoms, counts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Returns items by row [N, rows of an atom], their ends [N], and each item's row and place.

        The place is that in the lists of the data set, 0 for spare items.
        """
        own = counts.index_select(0, atoms.atom) * atoms.is_real[:, None]
        own[-1, -1] = atoms.items[kind] - own.sum()
        lengths = own.sum(1)
        ends = torch.cumsum(lengths, 0)
        item = torch.arange(atoms.items[kind], device=own.device)
        row = torch.searchsorted(ends, item, right=True)
        start = self._until[kind].index_select(0, atoms.atom) - (ends - lengths)
        return own, ends, row, torch.where(atoms.is_real[row], item + start[row], 0)


def _in_one_piece(owners: int, items: int) -> Ints:
    """Returns [owners + 1] items before each owner such that one piece has all of them."""
    until = np.full(owners + 1, items)
    until[0] = 0
    return until
