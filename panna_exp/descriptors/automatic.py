"""Parameters of an mBP descriptor from the distances between atoms in a data set.

A descriptor sees enough where its cutoffs reach the second and third shell of neighbours, and no
component is wasted where its centres begin near the shortest bonds. With r the usual distance to
the nearest neighbour: Rc 2.6 r (radial) and 2.05 r (angular), centres from 0.6 r on, Gaussians as
wide as the centres are apart. Few and wide angles do better in liquids and defects than many narrow
ones: errors of silicon and lithium cells were lowest with 6. Lengths in angstrom.
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
# Radial centres, angles, angular exponent.
_MOLECULES, _PERIODIC = (16, 8, 50.0), (14, 6, 20.0)
_RADIAL_REACH, _ANGULAR_REACH = 2.6, 2.05


def automatic_parameters(structures: StructureSet, hydrogen: int | None) -> dict[str, Any]:
    """Returns the options of the group ``descriptor`` that suit a data set.

    Args:
        structures: With positions.
        hydrogen: Species index of hydrogen, whose bonds say little about other atoms'; or None.

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
    shells = 6 if species < 3 else 4
    first = round(0.6 * shortest, 2)
    radial = round(max(_LEAST_RADIAL, _RADIAL_REACH * usual), 2)
    angular = round(max(_LEAST_ANGULAR, _ANGULAR_REACH * usual), 2)
    molecules = not structures.pbc.any()
    centres, angles, zeta = _MOLECULES if molecules else _PERIODIC
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


def _some(structures: StructureSet) -> StructureSet:
    few = np.unique(np.linspace(0, len(structures) - 1, _SOME).astype(np.int64))
    return structures.select(few)


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
