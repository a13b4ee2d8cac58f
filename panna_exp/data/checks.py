"""What looks wrong in data although every number is one: doubled structures, odd forces.

Shapes: S structures, A atoms. Units: eV, angstrom.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from panna_exp.data.structures import Floats, Ints, StructureSet

# Forces of a program leave a net force of rounding and grids; a larger one is a mistake.
NET_FORCE = 0.01  # eV/angstrom, per atom
# A structure whose forces are that much larger than the usual ones.
OUTLIER_FACTOR = 10.0
# eV/angstrom^3, 320 GPa: beyond what data sets are about, but common if GPa are taken for it.
ODD_STRESS = 2.0
# Consecutive structures whose atoms moved less are compared by energies and forces.
_STEP = 0.2  # angstrom
_MIN_PAIRS = 5


def duplicates(structures: StructureSet) -> Ints:
    """Returns the [n] structures with the species, positions and cell of an earlier one.

    They are compared bit for bit (0 and -0 are equal); without positions there are none.
    """
    if structures.positions is None:
        return np.zeros(0, dtype=np.int64)
    seen: set[bytes] = set()
    found = []
    for index in range(len(structures)):
        atoms = slice(structures.offsets[index], structures.offsets[index + 1])
        digest = hashlib.blake2b(structures.species[atoms].tobytes(), digest_size=16)
        digest.update((structures.positions[atoms] + 0.0).tobytes())
        digest.update((structures.cell[index] + 0.0).tobytes())
        key = digest.digest()
        if key in seen:
            found.append(index)
        seen.add(key)
    return np.array(found, dtype=np.int64)


def isolated_atoms(structures: StructureSet) -> Ints:
    """Returns the structures of one atom that repeats in no direction."""
    alone = (structures.num_atoms == 1) & ~structures.pbc.any(axis=1)
    return np.flatnonzero(alone)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceCheck:
    """Structures by what is odd about their forces.

    Args:
        with_forces: [n] structures that have forces.
        zero: Those of several atoms whose forces are all exactly zero; that on one atom is.
        net: Those whose forces do not sum to zero (NET_FORCE).
        outliers: Those with a root mean square over OUTLIER_FACTOR times the median.
        smallest, largest: Lengths of the smallest and the largest force vector (eV/angstrom).
        num_pairs: Consecutive structures that are close enough to compare.
        slope: Energy differences of such pairs over those that forces give, 1 where both agree;
            None with too few pairs.
    """

    with_forces: Ints
    zero: Ints
    net: Ints
    outliers: Ints
    smallest: float
    largest: float
    num_pairs: int
    slope: float | None


def check_forces(structures: StructureSet) -> ForceCheck | None:
    """Returns what is odd about the forces, None where no structure has any."""
    if structures.forces is None:
        return None
    known = np.flatnonzero(~np.isnan(structures.forces[structures.offsets[:-1], 0]))
    if not len(known):
        return None
    part = structures.select(known)
    forces = part.forces
    assert forces is not None
    starts = part.offsets[:-1]
    lengths = np.linalg.norm(forces, axis=1)
    net = np.linalg.norm(np.add.reduceat(forces, starts), axis=1) / part.num_atoms
    rms = np.sqrt(np.add.reduceat(lengths**2, starts) / part.num_atoms)
    usual = float(np.median(rms[rms > 0])) if rms.any() else 0.0
    pairs = _neighbours(part)
    return ForceCheck(
        with_forces=known,
        zero=known[(rms == 0) & (part.num_atoms > 1)],
        net=known[net > NET_FORCE],
        outliers=known[rms > OUTLIER_FACTOR * usual],
        smallest=float(lengths.min()),
        largest=float(lengths.max()),
        num_pairs=len(pairs),
        slope=_slope(pairs),
    )


def _neighbours(structures: StructureSet) -> Floats:
    """Returns [n, 2]: energy differences of consecutive alike structures, by forces and as given.

    The former is minus the mean force along the displacement, right to its second order.
    """
    if structures.positions is None or structures.forces is None:
        return np.zeros((0, 2))
    pairs = []
    sizes, offsets = structures.num_atoms, structures.offsets
    for index in np.flatnonzero(sizes[:-1] == sizes[1:]):
        one = slice(offsets[index], offsets[index + 1])
        other = slice(offsets[index + 1], offsets[index + 2])
        same = np.array_equal(structures.species[one], structures.species[other])
        if not same or not np.array_equal(structures.cell[index], structures.cell[index + 1]):
            continue
        moved = structures.positions[other] - structures.positions[one]
        if 0 < np.abs(moved).max() < _STEP:
            mean = (structures.forces[one] + structures.forces[other]) / 2
            given = structures.energy[index + 1] - structures.energy[index]
            pairs.append((-float((mean * moved).sum()), given))
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def _slope(pairs: Floats) -> float | None:
    by_forces, given = pairs.T
    if len(pairs) < _MIN_PAIRS or not by_forces.any():
        return None
    return float((by_forces * given).sum() / (by_forces**2).sum())
