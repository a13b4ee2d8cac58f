"""Neighbour lists of a data set, made once, and the lists of any batch of it.

Shapes: A atoms of the batch, P pairs, Q triples, T species, U = T (T + 1) / 2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from panna_exp.data.jacobians import BatchAtoms
from panna_exp.data.structures import Ints, StructureSet
from panna_exp.descriptors.blocks import Factors
from panna_exp.descriptors.compiled import CompiledMBP
from panna_exp.descriptors.gather import Gathered, Stored, count, gather
from panna_exp.descriptors.geometry import Geometry
from panna_exp.descriptors.operator import Operator
from panna_exp.descriptors.rows import starts_of

# Bytes of triples' factors that a data set keeps at most: 96 a triple of the default descriptor.
_MOST_FACTORS = 1 << 28


@dataclass(frozen=True, slots=True)
class OnTheFly:
    """Products computed from positions."""

    operator: Operator
    geometry: Geometry

    def vjp(self, v: Tensor) -> Tensor:
        """Returns J^T v [A, 3] of v [A, D]."""
        return self.operator.vjp(self.geometry, v, then_jvp=True)

    def vjp_with_strain(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Returns J^T v [A, 3] and the gradient of sum(v G) by strain [S, 3, 3]."""
        return self.operator.vjp_with_strain(self.geometry, v, then_jvp=True)

    def jvp(self, u: Tensor, strain: Tensor | None = None) -> Tensor:
        """Returns J u [A, D] of u [A, 3], and of strains [S, 3, 3]."""
        return self.operator.jvp(self.geometry, u, strain)

    def sent_by(self, send: Callable[[Tensor], Tensor]) -> "OnTheFly":
        """Returns itself."""
        return self  # the lists are where the products are computed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lists:
    """Neighbour lists of a batch, named as in Geometry."""

    pair_rows: Tensor
    triple_rows: Tensor
    center: Tensor
    neighbor: Tensor
    shift: Tensor
    first: Tensor
    second: Tensor
    pairs_until: Ints
    triples_until: Ints
    table: NDArray[np.floating] | None = None


class NeighborLists:
    """Jacobians of a data set's descriptors, computed from positions batch by batch.

    Args:
        operator: Of the descriptor.
        structures: With positions.

    Attributes:
        neighbor: [all P] number of the neighbour within its structure.
        first: [all Q] number of a pair within those of its centre.
        second: [all Q] likewise.
        shift: [all P, 3], as in Geometry.
        positions: [all A, 3].
        species: [all A].
        pair_counts: [all A, T] pairs of each atom and species of the neighbour.
        triple_counts: [all A, U] triples of each atom and pair of species.
        pairs_until: [all A + 1] pairs before each atom.
        triples_until: [all A + 1] triples before each atom.
        table: Of compiled loops; None for others.
        factors: Of compiled loops, once the structures come again and where they are not too
            large; None before that, and for others.

    Raises:
        DataError: As :func:`panna_exp.descriptors.geometry.build_geometry`.
    """

    def __init__(self, operator: Operator, structures: StructureSet) -> None:
        self.operator = operator
        geometry = operator.geometry(structures)
        first_atom = torch.from_numpy(structures.offsets[:-1]).to(geometry.center.device)
        own_first = first_atom.index_select(0, geometry.structure)
        # Numbers within the structure and within the atom's pairs, small and good for any batch.
        self.neighbor = (geometry.neighbor - own_first.index_select(0, geometry.center)).int()
        pair_start = geometry.pair_rows[:: operator.num_species]
        own_start = pair_start.index_select(0, geometry.center)
        triple_start = own_start.index_select(0, geometry.first)
        self.first = (geometry.first - triple_start).int()
        self.second = (geometry.second - triple_start).int()
        self.shift = geometry.shift
        self.positions = geometry.positions
        self.species = geometry.species
        self.pair_counts = geometry.pair_rows.diff().view(-1, operator.num_species)
        self.triple_counts = geometry.triple_rows.diff().view(-1, operator.num_pairs)
        self.pairs_until = geometry.pairs_until
        self.triples_until = geometry.triples_until
        self.table = operator.pair_table(geometry) if isinstance(operator, CompiledMBP) else None
        self.factors: Factors | None = None
        self._served, self._num_structures = 0, len(structures)

    @property
    def num_bytes(self) -> int:
        """Size of the lists."""
        tensors = (self.neighbor, self.first, self.second, self.shift, self.positions)
        table = 0 if self.table is None else self.table.nbytes
        factors = 0 if self.factors is None else sum(array.nbytes for array in self.factors)
        return table + factors + sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def batch(self, atoms: BatchAtoms) -> OnTheFly:
        """Returns the products for a batch."""
        self._served += len(atoms.structures)
        if self.factors is None and self._served > self._num_structures:
            self.factors = self._worked_out()
        return OnTheFly(self.operator, self.geometry(atoms))

    def _worked_out(self) -> Factors | None:
        """Returns the factors of all triples where they are not too large."""
        if self.table is None or not isinstance(self.operator, CompiledMBP):
            return None
        if len(self.first) * self.operator.triple_bytes() > _MOST_FACTORS:
            return None
        own_pairs = np.repeat(self.pairs_until[:-1], np.diff(self.triples_until))
        first, second = own_pairs + self.first.numpy(), own_pairs + self.second.numpy()
        return self.operator.triple_factors(self.table, first, second)

    def geometry(self, atoms: BatchAtoms) -> Geometry:
        """Returns positions and lists of a batch, atoms in the order of its rows."""
        device = self.positions.device

        def tensor(array: Ints) -> Tensor:
            return torch.from_numpy(array).to(device)

        chosen = tensor(atoms.atoms)
        lists = self._listed(atoms) if self.table is None else self._copied(atoms, self.table)
        return Geometry(
            positions=self.positions.index_select(0, chosen),
            species=self.species.index_select(0, chosen),
            structure=tensor(atoms.owner),
            num_structures=len(atoms.structures),
            center=lists.center,
            neighbor=lists.neighbor,
            shift=lists.shift,
            pair_rows=lists.pair_rows,
            first=lists.first,
            second=lists.second,
            triple_rows=lists.triple_rows,
            pairs_until=lists.pairs_until,
            triples_until=lists.triples_until,
            table=lists.table,
            factors=None
            if self.factors is None
            else (self.factors, self.triples_until[atoms.atoms]),
        )

    def _listed(self, atoms: BatchAtoms) -> "_Lists":
        """The lists of a batch by tensor operations."""
        device = self.positions.device

        def tensor(array: Ints) -> Tensor:
            return torch.from_numpy(array).to(device)

        pairs, pairs_until = _ranges(self.pairs_until, atoms.atoms)
        triples, triples_until = _ranges(self.triples_until, atoms.atoms)
        pair_counts, triple_counts = np.diff(pairs_until), np.diff(triples_until)
        pair_place, triple_place = tensor(pairs), tensor(triples)
        first_row = tensor(np.repeat(atoms.offsets[atoms.owner], pair_counts))
        own_pairs = tensor(np.repeat(pairs_until[:-1], triple_counts))
        numbers = self.neighbor.index_select(0, pair_place) + first_row
        chosen = tensor(atoms.atoms)
        return _Lists(
            pair_rows=starts_of(self.pair_counts.index_select(0, chosen)),
            triple_rows=starts_of(self.triple_counts.index_select(0, chosen)),
            center=tensor(np.repeat(np.arange(len(atoms.atoms)), pair_counts)),
            neighbor=tensor(atoms.by_structure).index_select(0, numbers),
            shift=self.shift.index_select(0, pair_place),
            first=self.first.index_select(0, triple_place) + own_pairs,
            second=self.second.index_select(0, triple_place) + own_pairs,
            pairs_until=pairs_until,
            triples_until=triples_until,
        )

    def _copied(self, atoms: BatchAtoms, table: NDArray[np.floating]) -> "_Lists":
        """The same by a compiled loop, for compiled products, which need no shifts any more."""
        number = len(atoms.atoms)
        size = number + 1
        pairs_until, triples_until = np.empty(size, np.int64), np.empty(size, np.int64)
        pairs = count(self.pairs_until, atoms.atoms, pairs_until)
        triples = count(self.triples_until, atoms.atoms, triples_until)
        stored = Stored(
            pairs_until=self.pairs_until,
            triples_until=self.triples_until,
            pair_counts=self.pair_counts.numpy(),
            triple_counts=self.triple_counts.numpy(),
            neighbor=self.neighbor.numpy(),
            table=table,
            first=self.first.numpy(),
            second=self.second.numpy(),
        )
        found = Gathered(
            pair_rows=np.empty(number * self.pair_counts.shape[1] + 1, np.int64),
            triple_rows=np.empty(number * self.triple_counts.shape[1] + 1, np.int64),
            center=np.empty(pairs, np.int64),
            neighbor=np.empty(pairs, np.int64),
            table=np.empty((pairs, table.shape[1]), table.dtype),
            first=np.empty(triples, np.int64),
            second=np.empty(triples, np.int64),
        )
        gather(stored, atoms.atoms, atoms.owner, atoms.offsets, atoms.by_structure, found)
        return _Lists(
            pair_rows=torch.from_numpy(found.pair_rows),
            triple_rows=torch.from_numpy(found.triple_rows),
            center=torch.from_numpy(found.center),
            neighbor=torch.from_numpy(found.neighbor),
            shift=self.shift[:0],
            first=torch.from_numpy(found.first),
            second=torch.from_numpy(found.second),
            pairs_until=pairs_until,
            triples_until=triples_until,
            table=found.table,
        )


def _ranges(until: Ints, atoms: Ints) -> tuple[Ints, Ints]:
    """Returns the places of the items of ``atoms``, and [A + 1] the items before each."""
    counts = until[atoms + 1] - until[atoms]
    ends = np.cumsum(counts)
    starts = np.concatenate([[0], ends]).astype(np.int64)
    return np.arange(starts[-1]) + np.repeat(until[atoms] - starts[:-1], counts), starts
