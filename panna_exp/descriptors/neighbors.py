"""Neighbour lists of many structures: directed pairs nearer than a cutoff.

Molecules: all pairs, vectorised over all of them. Periodic and large structures: vesin, one call
each. Measured on one thread: 200 CH4 take 0.4 ms by all pairs and 20 ms by vesin (0.1 ms per call);
molecules of 80 atoms take the same by both; 1000 Si with a cutoff of 5 angstrom take 4 ms by vesin.

Shapes: S structures, A atoms, P directed pairs. Units: angstrom.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vesin import NeighborList

from panna_exp.data.structures import Floats, Ints, StructureSet
from panna_exp.errors import DataError

Pairs = tuple[Ints, Ints, Floats]

# Two atoms nearer than this are the same place: neither is a neighbour of the other.
COINCIDENT = 1e-8
# Above this many atoms a molecule's neighbours are found by vesin, which does not grow as A^2.
ALL_PAIRS_ATOMS = 80
# Unit errors, caught before they fill the memory. Real matter stays below 0.6 atoms/angstrom^3,
# and no cell has less than a millionth of the volume of a box with its edges.
MAX_IMAGES = 100_000
FLAT = 1e-6
MAX_DENSITY = 2.0
MAX_COORDINATE = 1e7
SPARE_NEIGHBORS = 50


def neighbor_pairs(structures: StructureSet, cutoff: float) -> Pairs:
    """Finds all directed pairs nearer than ``cutoff``, periodic images and self-images included.

    Returns:
        center [P] ascending, neighbor [P], shift [P, 3] (Cartesian translation of the neighbour).

    Raises:
        DataError: Structures without positions, positions beyond all reason, a cell that is flat
            or far too small, or far more neighbours than matter has.
    """
    _check_positions(structures)
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
    atoms = join_ranges(structures.offsets[chosen], sizes)
    center = np.repeat(atoms, np.repeat(sizes, sizes))
    neighbor = join_ranges(np.repeat(structures.offsets[chosen], sizes), np.repeat(sizes, sizes))
    positions = positions_of(structures)
    distance = np.linalg.norm(positions[neighbor] - positions[center], axis=1)
    near = (distance < cutoff) & (distance > COINCIDENT)
    center, neighbor = center[near], neighbor[near]
    return center, neighbor, np.zeros((len(center), 3))


def _vesin_pairs(
    structures: StructureSet, index: int, periodic: NDArray[np.bool_], cutoff: float
) -> Pairs:
    start, stop = structures.offsets[index], structures.offsets[index + 1]
    cell = _complete_cell(structures.cell[index], periodic, structures.origins[index])
    inverse = np.linalg.inv(cell)
    _check_images(inverse, periodic, cutoff, structures.origins[index])
    fractions = positions_of(structures)[start:stop] @ inverse
    # vesin takes minutes or crashes where atoms are spread over thousands of cells, so they are
    # brought together first: by lattice vectors, or by narrowing gaps that no pair can cross.
    steps = np.floor(fractions) * periodic
    fractions -= steps
    for axis in np.flatnonzero(~periodic):
        fractions[:, axis] = _narrow_gaps(fractions[:, axis], 2 * cutoff)
    # One thread: faster for small cells (42 against 124 us), and always the same order.
    search = NeighborList(cutoff=cutoff, full_list=True, sorted=True, n_threads=1)
    center, neighbor, images, distance = search.compute(fractions @ cell, cell, periodic, "ijSd")
    apart = distance > COINCIDENT
    center, neighbor = center[apart].astype(np.int64), neighbor[apart].astype(np.int64)
    shift = (images[apart] + steps[center] - steps[neighbor]) @ cell
    return center + start, neighbor + start, shift


def _narrow_gaps(values: Floats, widest: float) -> Floats:
    """Moves values together where the next one is more than ``widest`` away, to just that."""
    order = np.argsort(values)
    gaps = np.minimum(np.diff(values[order]), widest)
    narrowed = np.empty_like(values)
    narrowed[order] = np.concatenate([[0.0], np.cumsum(gaps)])
    return narrowed


def _complete_cell(cell: Floats, periodic: NDArray[np.bool_], origin: str) -> Floats:
    """Replaces the rows that are not periodic by unit vectors at right angles to the others.

    Raises:
        DataError: The periodic rows are not linearly independent.
    """
    complete = np.eye(3)
    rows = cell[periodic]
    complete[periodic] = rows
    if 0 < len(rows) < 3:
        # rows = u diag(sizes) directions; directions without a size are at right angles to them.
        complete[~periodic] = np.linalg.svd(rows)[2][len(rows) :]
    lengths = np.sqrt((complete**2).sum(axis=1))
    if abs(np.linalg.det(complete)) < FLAT * lengths.prod():
        raise DataError(
            f"{origin}: the lattice vectors {rows.tolist()} lie in one plane or line, "
            f"expected {len(rows)} independent ones"
        )
    return complete


def _check_images(
    inverse: NDArray[np.floating[Any]], periodic: NDArray[np.bool_], cutoff: float, origin: str
) -> None:
    # The columns of the inverse are the normals of the cell's faces, each over the cell's height.
    per_height = np.sqrt((inverse**2).sum(axis=0))[periodic]
    images = float((2 * cutoff * per_height + 1).prod())
    if images > MAX_IMAGES:
        raise DataError(
            f"{origin}: the cell is too small: {images:.2g} images of each atom lie within "
            f"{cutoff:g} angstrom; are the lattice vectors in the unit that the file says?"
        )


def _check_density(structures: StructureSet, center: Ints, cutoff: float) -> None:
    limit = MAX_DENSITY * 4 / 3 * np.pi * cutoff**3 + SPARE_NEIGHBORS
    neighbors = np.bincount(center, minlength=1)
    if neighbors.max() > limit:
        place = atom_name(structures, int(neighbors.argmax()))
        raise DataError(
            f"{place} has {neighbors.max()} neighbours within {cutoff:g} angstrom, expected "
            f"at most {int(limit)}; are the positions in the unit that the file says?"
        )


def join_ranges(starts: Ints, lengths: Ints) -> Ints:
    """Joins the ranges start .. start + length - 1."""
    before = np.cumsum(lengths) - lengths
    joined: Ints = np.arange(lengths.sum(), dtype=np.int64) + np.repeat(starts - before, lengths)
    return joined


def positions_of(structures: StructureSet) -> Floats:
    """Returns the positions [A, 3]; raises DataError where there are none."""
    if structures.positions is None:
        raise DataError(
            f"{structures.origins[0]}: has no positions, which descriptors are computed from"
        )
    return structures.positions


def _check_positions(structures: StructureSet) -> None:
    positions = positions_of(structures)
    far = np.flatnonzero((np.abs(positions) > MAX_COORDINATE).any(axis=1))
    if len(far):
        raise DataError(
            f"{atom_name(structures, far[0])} is at {positions[far[0]].tolist()} angstrom, "
            f"expected less than {MAX_COORDINATE:g}, beyond which digits of distances are lost"
        )


def atom_name(structures: StructureSet, atom: int) -> str:
    """Names an atom (of all atoms) by its structure's origin and its place there."""
    index = int(np.searchsorted(structures.offsets, atom, side="right")) - 1
    return f"{structures.origins[index]}: atom {atom - structures.offsets[index]}"
