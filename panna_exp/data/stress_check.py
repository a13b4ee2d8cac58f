"""Stresses against energies: structures of one crystal whose cells differ a little.

Shapes: S structures. Units: eV, angstrom.
"""

from functools import partial

import numpy as np

from panna_exp.data.agreement import STRESS_MISTAKES, Agreement, agreement
from panna_exp.data.close_pairs import compared_pairs
from panna_exp.data.structures import Floats, StructureSet

# What structures may differ by to be compared.
_STRAIN, _STEP = 0.1, 0.3  # angstrom


def check_stress(structures: StructureSet) -> Agreement | None:
    """Compares energies with virials; None where too few structures can be compared."""
    virial = structures.virial
    if virial is None or structures.positions is None:
        return None
    bulk = np.isfinite(virial).all(axis=(1, 2)) & (np.abs(np.linalg.det(structures.cell)) > 0)
    compare = partial(_compared, structures, virial)
    by_virial, given = compared_pairs(structures, np.flatnonzero(bulk), compare)
    return agreement(by_virial, given, STRESS_MISTAKES)


def _compared(
    structures: StructureSet, virial: Floats, index: int, after: int
) -> tuple[float, float] | None:
    """The energy difference that virials give, and the data's less that of the forces.

    Both are right to second order: means of the two ends along the way between them.
    """
    assert structures.positions is not None
    offsets = structures.offsets
    one, other = (slice(offsets[i], offsets[i + 1]) for i in (index, after))
    first, second = structures.cell[index], structures.cell[after]
    middle = (first + second) / 2
    strain = np.linalg.solve(middle, second - first)
    if not 0 < np.abs(strain).max() < _STRAIN:
        return None
    inverse = [np.linalg.inv(cell) for cell in (first, second)]
    moved = structures.positions[other] @ inverse[1] - structures.positions[one] @ inverse[0]
    moved = (moved - np.round(moved)) @ middle  # beside what the strain moves
    if np.abs(moved).max() >= _STEP:
        return None
    given = structures.energy[after] - structures.energy[index]
    if structures.forces is not None:
        mean = (structures.forces[one] + structures.forces[other]) / 2
        if np.isnan(mean).any():
            return None
        given += float((mean * moved).sum())
    by_virial = -float(((virial[index] + virial[after]) / 2 * strain).sum())
    return by_virial, float(given)
