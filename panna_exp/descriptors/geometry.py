"""What a descriptor needs of a batch of structures: positions, neighbour pairs and triples.

Shapes: S structures, A atoms, P directed pairs, Q triples, T species, U = T (T + 1) / 2 pairs of
species. Units: angstrom.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from panna_exp.data.structures import Floats, Ints, StructureSet
from panna_exp.descriptors.neighbors import atom_name, join_ranges, neighbor_pairs, positions_of
from panna_exp.errors import DataError

if TYPE_CHECKING:
    from panna_exp.descriptors.blocks import Factors


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Positions with their neighbour lists, all that a descriptor needs of S structures.

    A pair (i, j) points from the centre i to the neighbour j, or to its image, at
    ``positions[j] + shift - positions[i]``. A triple is two pairs of one centre, unordered, both
    within the angular cutoff; descriptors that ask for it leave out those whose ends are too far
    apart.

    Args:
        positions: [A, 3] float64.
        species: [A].
        structure: [A] structure of each atom.
        num_structures: S.
        center: [P] ascending.
        neighbor: [P], ordered by species within a centre.
        shift: [P, 3] float64, Cartesian; none where there is a table of a data set's batch.
        pair_rows: [A T + 1] pairs of centre i and neighbour species s are
            ``pair_rows[i T + s]`` to ``pair_rows[i T + s + 1]``.
        first: [Q] a pair; its neighbour's species is not above that of ``second``.
        second: [Q] a pair.
        triple_rows: [A U + 1] triples of centre i and species pair u (order 00, 01, .., 11, ..)
            are ``triple_rows[i U + u]`` to ``triple_rows[i U + u + 1]``.
        pairs_until: [A + 1] pairs before each centre, on the host, for cutting into chunks.
        triples_until: [A + 1] triples before each centre, on the host.
        table: What compiled loops work out of each pair, where that is known already.
        factors: What they work out of triples, where that is known; and where in it each atom's
            triples begin [A].
    """

    positions: Tensor
    species: Tensor
    structure: Tensor
    num_structures: int
    center: Tensor
    neighbor: Tensor
    shift: Tensor
    pair_rows: Tensor
    first: Tensor
    second: Tensor
    triple_rows: Tensor
    pairs_until: Ints
    triples_until: Ints
    table: NDArray[np.floating] | None = None
    factors: "tuple[Factors, Ints] | None" = None


def build_geometry(
    structures: StructureSet,
    num_species: int,
    cutoff_radial: float,
    cutoff_angular: float,
    device: torch.device,
    cutoff_opposite: float | None = None,
) -> Geometry:
    """Finds all pairs within the larger cutoff and all triples within ``cutoff_angular``.

    Args:
        structures: With positions.
        num_species: T.
        cutoff_radial: Of pairs.
        cutoff_angular: Of both pairs of a triple.
        device: Where the lists are kept.
        cutoff_opposite: Of the distance between the two neighbours of a triple; None: any.

    Raises:
        DataError: Species beyond ``num_species``, or as :func:`neighbor_pairs`.
    """
    _check_species(structures, num_species)
    positions = positions_of(structures)
    center, neighbor, shift = neighbor_pairs(structures, max(cutoff_radial, cutoff_angular))

    rows = center * num_species + structures.species[neighbor]
    order = np.argsort(rows, kind="stable")
    center, neighbor, shift, rows = center[order], neighbor[order], shift[order], rows[order]
    vectors = positions[neighbor] + shift - positions[center]
    first, second = _triples(center, vectors, len(positions), cutoff_angular)
    if cutoff_opposite is not None:
        near = _squared_distance(vectors, first, second) < cutoff_opposite**2
        first, second = first[near], second[near]
    first, second, triple_rows = _by_row(
        first, second, center, structures.species[neighbor], num_species, len(positions)
    )
    pair_rows = _row_starts(rows, len(positions) * num_species)
    num_pairs = num_species * (num_species + 1) // 2
    owner = np.repeat(np.arange(len(structures)), structures.num_atoms)

    def tensor(array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    return Geometry(
        positions=tensor(positions),
        species=tensor(structures.species),
        structure=tensor(owner),
        num_structures=len(structures),
        center=tensor(center),
        neighbor=tensor(neighbor),
        shift=tensor(shift),
        pair_rows=tensor(pair_rows),
        first=tensor(first),
        second=tensor(second),
        triple_rows=tensor(triple_rows),
        # Contiguous, so that loops are compiled for one kind of array.
        pairs_until=np.ascontiguousarray(pair_rows[::num_species]),
        triples_until=np.ascontiguousarray(triple_rows[::num_pairs]),
    )


def _triples(center: Ints, vectors: Floats, num_atoms: int, cutoff: float) -> tuple[Ints, Ints]:
    """Combines the pairs of each centre that are within the angular cutoff."""
    near = np.flatnonzero(np.linalg.norm(vectors, axis=1) < cutoff)
    owner = center[near]
    counts = np.bincount(owner, minlength=num_atoms)
    place = np.arange(len(near)) - (np.cumsum(counts) - counts)[owner]
    later = counts[owner] - 1 - place
    # Pairs are ordered by species within a centre, so the first's species is the lower one.
    first = np.repeat(near, later)
    second = near[join_ranges(np.arange(len(near)) + 1, later)]
    return first, second


def _squared_distance(vectors: Floats, first: Ints, second: Ints) -> Floats:
    """Returns [Q], one axis at a time: there may be many triples."""
    total = np.zeros(len(first))
    for axis in range(3):
        component = vectors[:, axis]
        total += (component[first] - component[second]) ** 2
    return total


def _by_row(
    first: Ints,
    second: Ints,
    center: Ints,
    neighbor_species: Ints,
    num_species: int,
    num_atoms: int,
) -> tuple[Ints, Ints, Ints]:
    """Orders triples by centre and pair of species; returns where each of these begins as well."""
    low, high = neighbor_species[first], neighbor_species[second]
    num_pairs = num_species * (num_species + 1) // 2
    rows = center[first] * num_pairs + low * (2 * num_species - low - 1) // 2 + high
    if num_species > 1:
        order = np.argsort(rows, kind="stable")
        first, second = first[order], second[order]
    return first, second, _row_starts(rows, num_atoms * num_pairs)


def _row_starts(rows: Ints, num_rows: int) -> Ints:
    """Returns [num_rows + 1]: where each row begins in the sorted ``rows``, and their end."""
    counts = np.bincount(rows, minlength=num_rows)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _check_species(structures: StructureSet, num_species: int) -> None:
    wrong = np.flatnonzero((structures.species >= num_species) | (structures.species < 0))
    if len(wrong):
        index = structures.species[wrong[0]]
        raise DataError(
            f"{atom_name(structures, wrong[0])} has the species index {index}, "
            f"expected 0 to {num_species - 1}: the descriptor names fewer species than the data"
        )
