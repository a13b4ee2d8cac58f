"""Stresses against energies: consecutive structures of one crystal whose cells differ a little.

Shapes: S structures. Units: eV, angstrom.
"""

from dataclasses import dataclass

import numpy as np

from panna_exp.data.structures import Floats, StructureSet

# What consecutive structures may differ by to be compared.
_STRAIN, _STEP = 0.1, 0.3  # angstrom
_MIN_PAIRS = 5
# Enough for a slope; a loop over a large data set would take longer than it is worth.
_MAX_PAIRS = 1000
_WRONG_SIGN = (-1.5, -0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class StressCheck:
    """How energies of structures that are close to each other change with strain.

    Args:
        num_pairs: Structures that are close enough to the one before them.
        slope: Energy differences, less those that forces give, over those that virials give, 1
            where both agree.
    """

    num_pairs: int
    slope: float

    @property
    def wrong_sign(self) -> bool:
        """Whether the virials are those of the opposite sign."""
        return _WRONG_SIGN[0] < self.slope < _WRONG_SIGN[1]


def check_stress(structures: StructureSet) -> StressCheck | None:
    """Compares energies with virials; None where too few structures can be compared."""
    virial = structures.virial
    if virial is None or structures.positions is None:
        return None
    bulk = np.isfinite(virial).all(axis=(1, 2)) & (np.abs(np.linalg.det(structures.cell)) > 0)
    alike = structures.num_atoms[:-1] == structures.num_atoms[1:]
    pairs = []
    for index in np.flatnonzero(bulk[:-1] & bulk[1:] & alike):
        pair = _compared(structures, virial, int(index))
        if pair is not None:
            pairs.append(pair)
        if len(pairs) == _MAX_PAIRS:
            break
    by_virial, given = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    if len(pairs) < _MIN_PAIRS or not by_virial.any():
        return None
    slope = float((by_virial * given).sum() / (by_virial**2).sum())
    return StressCheck(num_pairs=len(pairs), slope=slope)


def _compared(structures: StructureSet, virial: Floats, index: int) -> tuple[float, float] | None:
    """The energy difference that virials give, and the data's less that of the forces.

    Both are right to second order: means of the two ends along the way between them.
    """
    assert structures.positions is not None
    offsets = structures.offsets
    one, other = (slice(offsets[i], offsets[i + 1]) for i in (index, index + 1))
    first, second = structures.cell[index], structures.cell[index + 1]
    if not np.array_equal(structures.species[one], structures.species[other]):
        return None
    middle = (first + second) / 2
    strain = np.linalg.solve(middle, second - first)
    if not 0 < np.abs(strain).max() < _STRAIN:
        return None
    inverse = [np.linalg.inv(cell) for cell in (first, second)]
    moved = structures.positions[other] @ inverse[1] - structures.positions[one] @ inverse[0]
    moved = (moved - np.round(moved)) @ middle  # beside what the strain moves
    if np.abs(moved).max() >= _STEP:
        return None
    given = structures.energy[index + 1] - structures.energy[index]
    if structures.forces is not None:
        mean = (structures.forces[one] + structures.forces[other]) / 2
        if np.isnan(mean).any():
            return None
        given += float((mean * moved).sum())
    by_virial = -float(((virial[index] + virial[index + 1]) / 2 * strain).sum())
    return by_virial, float(given)
