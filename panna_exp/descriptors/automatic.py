"""Parameters of an mBP descriptor from the distances between atoms in a data set.

A descriptor sees enough where its cutoffs reach the second and third shell of neighbours, and no
component is wasted where its centres begin near the shortest bonds. With r the usual distance to
the nearest neighbour: Rc 2.2 r (radial) and 1.8 r (angular), centres from 0.6 r on, Gaussians as
wide as the centres are apart. Lengths in angstrom.
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
_RADIAL, _ANGLES = 16, 8


def automatic_parameters(structures: StructureSet, hydrogen: int | None) -> dict[str, Any]:
    """Returns the options of the group ``descriptor`` that suit a data set.

    Args:
        structures: With positions.
        hydrogen: Species index of hydrogen, whose bonds say little about other atoms'; or None.

    Raises:
        DataError: Cells or positions that no list of neighbours can be made of.
    """
    few = np.unique(np.linspace(0, len(structures) - 1, _SOME).astype(np.int64))
    chosen = structures.select(few)
    nearest = _nearest(chosen, np.ones(len(chosen.species), dtype=bool))
    heavy = chosen.species != (-1 if hydrogen is None else hydrogen)
    bonds = _nearest(chosen, heavy)
    shortest = float(np.median(nearest)) if len(nearest) else 1.0
    usual = float(np.median(bonds)) if len(bonds) else shortest
    species = len(np.unique(structures.species))
    shells = 6 if species < 3 else 4
    first = round(0.6 * shortest, 2)
    radial = round(max(_LEAST_RADIAL, 2.2 * usual), 2)
    angular = round(max(_LEAST_ANGULAR, 1.8 * usual), 2)
    return {
        "Rc_rad": radial,
        "Rs0_rad": first,
        "RsN_rad": _RADIAL,
        "eta_rad": _three(1.0 / ((radial - first) / _RADIAL) ** 2),
        "Rc_ang": angular,
        "Rs0_ang": first,
        "RsN_ang": shells,
        "eta_ang": _three(1.5 / ((angular - first) / shells) ** 2),
        "ThetasN": _ANGLES,
        "zeta": 50.0,
    }


def _nearest(structures: StructureSet, counted: Ints) -> Floats:
    """Returns the distance of each counted atom to its nearest counted neighbour, if it has one."""
    center, neighbor, shift = neighbor_pairs(structures, _REACH)
    assert structures.positions is not None
    kept = counted[center] & counted[neighbor]
    center, neighbor, shift = center[kept], neighbor[kept], shift[kept]
    vectors = structures.positions[neighbor] + shift - structures.positions[center]
    nearest = np.full(len(structures.species), np.inf)
    np.minimum.at(nearest, center, np.sqrt(np.square(vectors).sum(axis=1)))
    found: Floats = nearest[np.isfinite(nearest)]
    return found


def _three(value: float) -> float:
    """Rounds to three digits, for numbers that people read."""
    return float(f"{value:.3g}")
