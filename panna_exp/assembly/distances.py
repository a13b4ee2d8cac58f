"""Shortest distances by pair of species, and whether positions are in angstrom.

Shapes: S structures, P pairs of atoms, T species. Units: angstrom.
"""

from dataclasses import dataclass

import numpy as np

from panna_exp.data.structures import Floats, Ints, StructureSet
from panna_exp.descriptors.neighbors import neighbor_pairs
from panna_exp.descriptors.rows import chunks
from panna_exp.elements import Species
from panna_exp.readers.radii import covalent_radii

# All structures are looked at nearby, some of them further away.
_NEAR, _FAR = 2.0, 6.0
_SOME = 200
_ATOMS = 4_096
_NOBLE = ("He", "Ne", "Ar", "Kr", "Xe", "Rn")
# Of the distance to the nearest atom over the sum of covalent radii: 0.9 to 1.25 in matter.
_TOO_LONG, _TOO_SHORT = 1.55, 0.62
_FEW_ATOMS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Distances:
    """What was found.

    Args:
        shortest: [T, T] symmetric, inf where no such pair is nearer than 6 angstrom.
        structure: [T, T] the structure that has it.
        unit: A sentence on positions that cannot be in angstrom, or nothing.
    """

    shortest: Floats
    structure: Ints
    unit: str

    def words(self, species: Species) -> str:
        """Returns the distances in words."""
        pairs = [
            f"{one}-{other} {self.shortest[i, i + j]:.3g}"
            for i, one in enumerate(species)
            for j, other in enumerate(species.symbols[i:])
            if np.isfinite(self.shortest[i, i + j])
        ]
        return ", ".join(pairs) or "none below 6"


def shortest_distances(structures: StructureSet, species: Species) -> Distances | None:
    """Returns the shortest distances, None without positions.

    Raises:
        DataError: Cells or positions that no list of neighbours can be made of.
    """
    if structures.positions is None:
        return None
    count = len(species)
    shortest = np.full((count, count), np.inf)
    owner = np.zeros((count, count), dtype=np.int64)
    for some, _ in chunks(structures.offsets, _ATOMS):
        _shorten(structures, np.arange(some.start, some.stop), _NEAR, shortest, owner)
    few = np.unique(np.linspace(0, len(structures) - 1, _SOME).astype(np.int64))
    ratios = _shorten(structures, few, _FAR, shortest, owner, covalent_radii(species))
    unit = _unit(ratios[~np.isin(_kinds(structures, few), _noble(species))])
    return Distances(shortest=shortest, structure=owner, unit=unit)


def _shorten(
    structures: StructureSet,
    indices: Ints,
    cutoff: float,
    shortest: Floats,
    owner: Ints,
    radii: Floats | None = None,
) -> Floats:
    """Puts shorter distances of some structures into the table.

    Returns:
        [A] each atom's distance to the nearest one over the sum of their radii, inf without; or
        nothing without radii.
    """
    part = structures.select(indices)
    assert part.positions is not None
    center, neighbor, shift = neighbor_pairs(part, cutoff)
    distance = np.linalg.norm(part.positions[neighbor] + shift - part.positions[center], axis=1)
    table = np.full(shortest.shape, np.inf)
    first, second = part.species[center], part.species[neighbor]
    np.minimum.at(table, (first, second), distance)
    for one, other in np.argwhere(table < shortest).tolist():
        chosen = np.flatnonzero((first == one) & (second == other))
        atom = center[chosen[distance[chosen].argmin()]]
        place = int(np.searchsorted(part.offsets, atom, side="right")) - 1
        shortest[one, other], owner[one, other] = table[one, other], indices[place]
    ratios = np.full(len(part.species), np.inf)
    if radii is not None:
        np.minimum.at(ratios, center, distance / (radii[first] + radii[second]))
    return ratios


def _kinds(structures: StructureSet, indices: Ints) -> Ints:
    return structures.select(indices).species


def _noble(species: Species) -> list[int]:
    return [index for index, symbol in enumerate(species) if symbol in _NOBLE]


def _unit(ratios: Floats) -> str:
    known = ratios[np.isfinite(ratios)]
    if len(known) < _FEW_ATOMS:
        return ""
    usual = float(np.median(known))
    if usual > _TOO_LONG and float(np.quantile(known, 0.02)) > 0.85 * _TOO_LONG:
        return (
            f"IN BOHR? atoms are {usual:.2f} times as far from the nearest one as bonds are long: "
            "say --length-unit bohr (data.length_unit)"
        )
    if usual < _TOO_SHORT:
        return (
            f"NOT IN ANGSTROM? atoms are {usual:.2f} times as far from the nearest one as bonds "
            "are long: say --length-unit (data.length_unit)"
        )
    return ""
