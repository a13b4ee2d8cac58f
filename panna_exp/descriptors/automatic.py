"""Parameters of an mBP descriptor from the distances between atoms in a data set.

A descriptor sees enough where its cutoffs reach the second and third shell of neighbours, and no
component is wasted where its centres begin near the shortest bonds. With r the usual distance to
the nearest neighbour: Rc 2.6 r (radial) and up to 2.05 r (angular), centres from 0.6 r on,
Gaussians as wide as the centres are apart. Few wide angles do better than many narrow ones: the
test errors of silicon, lithium and ethanol were lower with 6 than with 8 or 12. Lengths in
angstrom.
"""

from typing import Any

import numpy as np

from panna_exp.data.structures import Floats, Ints, StructureSet
from panna_exp.descriptors.neighbors import neighbor_pairs

# Structures that are looked at: spread evenly over the data.
_SOME = 100
_REACH = 6.0
# Molecules have bonds so short that multiples of them would end within the molecule.
_LEAST_RADIAL, _LEAST_ANGULAR = 4.6, 3.1
# Time grows with the square of the neighbours: more than these are left to the radial part.
_NEIGHBORS = 32
# By size: radial centres; distance centres of angular functions of one or two species, and of more;
# angles; zeta.
_SIZES = {
    "small": (10, 4, 3, 5, 12.0),
    "medium": (14, 6, 4, 6, 20.0),
    "large": (20, 8, 6, 8, 35.0),
}
_RADIAL_REACH, _ANGULAR_REACH = 2.6, 2.05


def automatic_parameters(
    structures: StructureSet, hydrogen: int | None, size: str = "medium"
) -> dict[str, Any]:
    """Returns the options of the group ``descriptor`` that suit a data set.

    Args:
        structures: With positions.
        hydrogen: Species index of hydrogen, whose bonds say little about other atoms'; or None.
        size: How many functions, ``small``, ``medium`` or ``large``.

    Raises:
        DataError: Cells or positions that no list of neighbours can be made of.
    """
    chosen = _some(structures)
    nearest = _nearest(chosen, np.ones(len(chosen.species), dtype=bool))
    heavy = chosen.species != (-1 if hydrogen is None else hydrogen)
    bonds = _nearest(chosen, heavy)
    shortest = float(np.median(nearest)) if len(nearest) else 1.0
    usual = float(np.median(bonds)) if len(bonds) else shortest
    species = len(np.unique(structures.species))
    centres, shells_of_few, shells_of_more, angles, zeta = _SIZES[size]
    shells = shells_of_few if species < 3 else shells_of_more
    first = round(0.6 * shortest, 2)
    radial = round(max(_LEAST_RADIAL, _RADIAL_REACH * usual), 2)
    angular = _with_few_neighbors(chosen, max(_LEAST_ANGULAR, _ANGULAR_REACH * usual))
    return {
        "Rc_rad": radial,
        "Rs0_rad": first,
        "RsN_rad": centres,
        "eta_rad": _three(1.0 / ((radial - first) / centres) ** 2),
        "Rc_ang": angular,
        "Rs0_ang": first,
        "RsN_ang": shells,
        "eta_ang": _three(1.5 / ((angular - first) / shells) ** 2),
        "ThetasN": angles,
        "zeta": zeta,
    }


def triples_per_atom(structures: StructureSet, cutoff: float) -> float:
    """Returns how many pairs of neighbours nearer than ``cutoff`` an atom has, on average."""
    chosen = _some(structures)
    center, _, _ = neighbor_pairs(chosen, cutoff)
    neighbors = np.bincount(center, minlength=len(chosen.species))
    return float(np.mean(neighbors * (neighbors - 1) / 2))


def _with_few_neighbors(structures: StructureSet, cutoff: float) -> float:
    """Returns the cutoff, or a shorter one where atoms have too many neighbours on average."""
    allowed = round(_NEIGHBORS * len(structures.species))
    lengths = _distances(structures, *neighbor_pairs(structures, cutoff))
    if len(lengths) > allowed:
        cutoff = float(np.partition(lengths, allowed)[allowed])
    return round(cutoff, 2)


def _some(structures: StructureSet) -> StructureSet:
    few = np.unique(np.linspace(0, len(structures) - 1, _SOME).astype(np.int64))
    return structures.select(few)


def _nearest(structures: StructureSet, counted: Ints) -> Floats:
    """Returns the distance of each counted atom to its nearest counted neighbour, if it has one."""
    center, neighbor, shift = neighbor_pairs(structures, _REACH)
    kept = counted[center] & counted[neighbor]
    center, neighbor, shift = center[kept], neighbor[kept], shift[kept]
    nearest = np.full(len(structures.species), np.inf)
    np.minimum.at(nearest, center, _distances(structures, center, neighbor, shift))
    found: Floats = nearest[np.isfinite(nearest)]
    return found


def _distances(structures: StructureSet, center: Ints, neighbor: Ints, shift: Floats) -> Floats:
    assert structures.positions is not None
    vectors = structures.positions[neighbor] + shift - structures.positions[center]
    found: Floats = np.sqrt(np.square(vectors).sum(axis=1))
    return found


def _three(value: float) -> float:
    """Rounds to three digits, for numbers that people read."""
    return float(f"{value:.3g}")
