"""Atoms at one place, which no descriptor can tell apart and no program meant.

Shapes: A atoms. Units: angstrom.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.structures import Floats, Ints, StructureSet

# Nuclei are further apart in anything that data are made of, repulsion at short range included.
OVERLAP = 0.1
# Atoms looked at together.
_ATOMS = 100_000
# A direction in which the planes of no crystal lie one on the other.
_DIRECTION = np.array([0.5366, 0.6180, 0.5747])


def overlapping(structures: StructureSet) -> Iterator[tuple[int, int, int, float]]:
    """Yields (structure, atom, other atom, distance) of atoms nearer than OVERLAP.

    Periodic images count; atoms are numbered within their structure. Nothing without positions.
    """
    if structures.positions is None:
        return
    ends = np.searchsorted(
        structures.offsets, np.arange(_ATOMS, structures.offsets[-1] + _ATOMS, _ATOMS)
    )
    start = 0
    for end in np.minimum(ends, len(structures)).tolist():
        if end > start:
            yield from _of_some(structures, start, end)
            start = end


def _of_some(
    structures: StructureSet, start: int, stop: int
) -> Iterator[tuple[int, int, int, float]]:
    """Looks at structures ``start`` up to ``stop``.

    Atoms are sorted along one direction and compared with those after them until no two are near
    in it: a few comparisons each, where all pairs would take the square of the atoms.
    """
    assert structures.positions is not None
    first = structures.offsets[start]
    atoms = slice(first, structures.offsets[stop])
    owner = np.repeat(np.arange(start, stop), structures.num_atoms[start:stop])
    atom = np.arange(len(owner)) + first - structures.offsets[owner]
    owner, here = owner - start, slice(start, stop)
    places, owner, atom = _with_images(
        structures.cell[here], structures.pbc[here], structures.positions[atoms], owner, atom
    )
    along = places @ _DIRECTION
    order = np.lexsort((along, owner))
    places, owner, atom, along = places[order], owner[order], atom[order], along[order]
    for step in range(1, len(owner)):
        near = (owner[step:] == owner[:-step]) & (along[step:] - along[:-step] < OVERLAP)
        if not near.any():
            return
        one = np.flatnonzero(near)
        distance = np.linalg.norm(places[one + step] - places[one], axis=1)
        for index in np.flatnonzero(distance < OVERLAP).tolist():
            place = one[index]
            pair = sorted((int(atom[place]), int(atom[place + step])))
            yield start + int(owner[place]), pair[0], pair[1], float(distance[index])


def _with_images(
    cell: Floats, pbc: NDArray[np.bool_], positions: Floats, owner: Ints, atom: Ints
) -> tuple[Floats, Ints, Ints]:
    """Brings atoms into their cells, and adds the images of those that touch a face of it."""
    periodic = pbc & cell.any(axis=2)
    some = periodic[owner].any(axis=1)
    if not some.any():
        return positions, owner, atom
    cells = np.where(periodic[:, :, None], cell, 0.0)
    normals = np.linalg.pinv(cells)  # columns: fractions of a position along each vector
    fractions = np.einsum("ai,aij->aj", positions, normals[owner])
    places = positions - np.einsum("ai,aij->aj", np.floor(fractions), cells[owner])
    fractions -= np.floor(fractions)
    for axis in range(3):
        width = OVERLAP * np.linalg.norm(normals[owner, :, axis], axis=1)
        touching = np.flatnonzero(periodic[owner, axis] & (fractions[:, axis] < width))
        places = np.concatenate([places, places[touching] + cells[owner[touching], axis]])
        moved = fractions[touching]
        moved[:, axis] += 1
        fractions = np.concatenate([fractions, moved])
        owner = np.concatenate([owner, owner[touching]])
        atom = np.concatenate([atom, atom[touching]])
    return places, owner, atom
