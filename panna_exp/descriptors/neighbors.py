"""Neighbour lists of many structures: directed pairs and the triples that they form.

Molecules: all pairs, vectorised over all of them. Periodic and large structures: vesin, one call
each. Measured on one thread: 200 CH4 take 0.5 ms by all pairs and 5 ms by vesin; a molecule of 60
atoms takes the same by both; 1000 Si with a cutoff of 5 angstrom take 3 ms by vesin.

Shapes: S structures, A atoms, P directed pairs, Q triples, T species, U = T (T + 1) / 2 pairs of
species. Units: angstrom.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from vesin import NeighborList

from panna_exp.data.structures import StructureSet
from panna_exp.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pairs = tuple[Ints, Ints, Floats]

# Two atoms nearer than this are the same place: neither is a neighbour of the other.
COINCIDENT = 1e-8
# Above this many atoms a molecule's neighbours are found by vesin, which does not grow as A^2.
ALL_PAIRS_ATOMS = 60
# Unit errors, caught before they fill the memory. Real matter stays below 0.6 atoms/angstrom^3.
MAX_IMAGES = 100_000
MAX_DENSITY = 2.0
SPARE_NEIGHBORS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Positions with their neighbour lists, all that a descriptor needs of S structures.

    A pair (i, j) points from the centre i to the neighbour j, or to its image, at
    ``positions[j] + shift - positions[i]``. A triple is two pairs of one centre, unordered, both
    within the angular cutoff.

    Args:
        positions: [A, 3] float64.
        species: [A].
        structure: [A] structure of each atom.
        num_structures: S.
        center: [P] ascending.
        neighbor: [P], ordered by species within a centre.
        shift: [P, 3] float64, Cartesian.
        pair_rows: [A T + 1] pairs of centre i and neighbour species s are
            ``pair_rows[i T + s]`` to ``pair_rows[i T + s + 1]``.
        first: [Q] a pair; its neighbour's species is not above that of ``second``.
        second: [Q] a pair.
        triple_rows: [A U + 1] triples of centre i and species pair u (order 00, 01, .., 11, ..)
            are ``triple_rows[i U + u]`` to ``triple_rows[i U + u + 1]``.
        pairs_until: [A + 1] pairs before each centre, on the host, for cutting into chunks.
        triples_until: [A + 1] triples before each centre, on the host.
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


def build_geometry(
    structures: StructureSet,
    num_species: int,
    cutoff_radial: float,
    cutoff_angular: float,
    device: torch.device,
) -> Geometry:
    """Finds all pairs within the larger cutoff and all triples within ``cutoff_angular``.

    Raises:
        DataError: Structures without positions, species beyond ``num_species``, a cell that is
            flat or far too small, or far more neighbours than matter has.
    """
    positions = _positions(structures)
    _check_species(structures, num_species)
    center, neighbor, shift = neighbor_pairs(structures, max(cutoff_radial, cutoff_angular))

    rows = center * num_species + structures.species[neighbor]
    order = np.argsort(rows, kind="stable")
    center, neighbor, shift, rows = center[order], neighbor[order], shift[order], rows[order]
    first, second, triple_rows = _triples(
        structures.species, center, neighbor, shift, positions, num_species, cutoff_angular
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
        pairs_until=pair_rows[::num_species],
        triples_until=triple_rows[::num_pairs],
    )


def neighbor_pairs(structures: StructureSet, cutoff: float) -> Pairs:
    """Finds all directed pairs nearer than ``cutoff``, periodic images and self-images included.

    Returns:
        center [P] ascending, neighbor [P], shift [P, 3] (Cartesian translation of the neighbour).

    Raises:
        DataError: As :func:`build_geometry`.
    """
    periodic = structures.pbc & structures.cell.any(axis=2)
    small = ~periodic.any(axis=1) & (structures.num_atoms <= ALL_PAIRS_ATOMS)
    found = [_all_pairs(structures, np.flatnonzero(small), cutoff)]
    found += [
        _vesin_pairs(structures, index, periodic[index], cutoff)
        for index in np.flatnonzero(~small).tolist()
    ]
    center, neighbor, shift = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if len(found) > 1:
        order = np.argsort(center, kind="stable")
        center, neighbor, shift = center[order], neighbor[order], shift[order]
    _check_density(structures, center, cutoff)
    return center, neighbor, shift


def _all_pairs(structures: StructureSet, chosen: Ints, cutoff: float) -> Pairs:
    """Tries every pair of atoms within each of the ``chosen`` structures."""
    sizes = structures.num_atoms[chosen]
    atoms = _ranges(structures.offsets[chosen], sizes)
    center = np.repeat(atoms, np.repeat(sizes, sizes))
    neighbor = _ranges(np.repeat(structures.offsets[chosen], sizes), np.repeat(sizes, sizes))
    positions = _positions(structures)
    distance = np.linalg.norm(positions[neighbor] - positions[center], axis=1)
    near = (distance < cutoff) & (distance > COINCIDENT)
    center, neighbor = center[near], neighbor[near]
    return center, neighbor, np.zeros((len(center), 3))


def _vesin_pairs(
    structures: StructureSet, index: int, periodic: NDArray[np.bool_], cutoff: float
) -> Pairs:
    start, stop = structures.offsets[index], structures.offsets[index + 1]
    cell = _complete_cell(structures.cell[index], periodic, structures.origins[index])
    _check_images(cell, periodic, cutoff, structures.origins[index])
    # One thread: faster for small cells (42 against 124 us), and always the same order.
    search = NeighborList(cutoff=cutoff, full_list=True, sorted=True, n_threads=1)
    center, neighbor, steps, distance = search.compute(
        _positions(structures)[start:stop], cell, periodic, "ijSd"
    )
    apart = distance > COINCIDENT
    shift = steps[apart].astype(np.float64) @ cell
    return (
        center[apart].astype(np.int64) + start,
        neighbor[apart].astype(np.int64) + start,
        shift,
    )


def _complete_cell(cell: Floats, periodic: NDArray[np.bool_], origin: str) -> Floats:
    """Replaces the rows that are not periodic by unit vectors at right angles to the others.

    Raises:
        DataError: The periodic rows are not linearly independent.
    """
    rows = cell[periodic]
    if len(rows) == 0:
        return np.eye(3)
    # rows = u diag(sizes) directions: the directions without a size are at right angles to them.
    _, sizes, directions = np.linalg.svd(rows)
    if sizes.min() < 1e-6 * sizes.max():
        raise DataError(
            f"{origin}: the lattice vectors {rows.tolist()} lie in one plane or line, "
            f"expected {len(rows)} independent ones"
        )
    complete = cell.copy()
    complete[~periodic] = directions[len(rows) :]
    return complete


def _check_images(cell: Floats, periodic: NDArray[np.bool_], cutoff: float, origin: str) -> None:
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    images = float(np.prod(2 * cutoff / heights[periodic] + 1))
    if images > MAX_IMAGES:
        raise DataError(
            f"{origin}: the cell is too small: {images:.2g} images of each atom lie within "
            f"{cutoff:g} angstrom; are the lattice vectors in the unit that the file says?"
        )


def _check_density(structures: StructureSet, center: Ints, cutoff: float) -> None:
    limit = MAX_DENSITY * 4 / 3 * np.pi * cutoff**3 + SPARE_NEIGHBORS
    neighbors = np.bincount(center, minlength=1)
    if neighbors.max() > limit:
        atom = int(neighbors.argmax())
        index = int(np.searchsorted(structures.offsets, atom, side="right")) - 1
        raise DataError(
            f"{structures.origins[index]}: atom {atom - structures.offsets[index]} has "
            f"{neighbors.max()} neighbours within {cutoff:g} angstrom, expected at most "
            f"{int(limit)}; are the positions in the unit that the file says?"
        )


def _triples(
    species: Ints,
    center: Ints,
    neighbor: Ints,
    shift: Floats,
    positions: Floats,
    num_species: int,
    cutoff: float,
) -> tuple[Ints, Ints, Ints]:
    """Combines the pairs of each centre that are within the angular cutoff."""
    distance = np.linalg.norm(positions[neighbor] + shift - positions[center], axis=1)
    near = np.flatnonzero(distance < cutoff)
    owner = center[near]
    counts = np.bincount(owner, minlength=len(positions))
    place = np.arange(len(near)) - (np.cumsum(counts) - counts)[owner]
    later = counts[owner] - 1 - place
    # Pairs are ordered by species within a centre, so the first's species is the lower one.
    first = np.repeat(near, later)
    second = near[_ranges(np.arange(len(near)) + 1, later)]

    low, high = species[neighbor[first]], species[neighbor[second]]
    num_pairs = num_species * (num_species + 1) // 2
    rows = center[first] * num_pairs + low * (2 * num_species - low - 1) // 2 + high
    if num_species > 1:
        order = np.argsort(rows, kind="stable")
        first, second = first[order], second[order]
    return first, second, _row_starts(rows, len(positions) * num_pairs)


def _row_starts(rows: Ints, num_rows: int) -> Ints:
    """Returns [num_rows + 1]: where each row begins in the sorted ``rows``, and their end."""
    counts = np.bincount(rows, minlength=num_rows)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _ranges(starts: Ints, lengths: Ints) -> Ints:
    """Joins the ranges start .. start + length - 1."""
    before = np.cumsum(lengths) - lengths
    joined: Ints = np.arange(lengths.sum(), dtype=np.int64) + np.repeat(starts - before, lengths)
    return joined


def _positions(structures: StructureSet) -> Floats:
    if structures.positions is None:
        raise DataError(
            f"{structures.origins[0]}: has no positions, which descriptors are computed from"
        )
    return structures.positions


def _check_species(structures: StructureSet, num_species: int) -> None:
    wrong = np.flatnonzero((structures.species >= num_species) | (structures.species < 0))
    if len(wrong):
        index = int(np.searchsorted(structures.offsets, wrong[0], side="right")) - 1
        raise DataError(
            f"{structures.origins[index]}: atom {wrong[0] - structures.offsets[index]} has the "
            f"species index {structures.species[wrong[0]]}, expected 0 to {num_species - 1}: "
            "the descriptor names fewer species than the data"
        )
