"""What looks wrong in data although every number is one: doubled structures, odd forces.

Shapes: S structures, A atoms. Units: eV, angstrom.
"""

import hashlib
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.agreement import FORCE_MISTAKES, Agreement, agreement
from panna_exp.data.close_pairs import compared_pairs
from panna_exp.data.structures import Floats, Ints, StructureSet

# Forces of a program leave a net force of rounding and grids; a larger one is a mistake.
NET_FORCE = 0.01  # eV/angstrom, per atom
# A structure whose forces are that much larger than the usual ones.
OUTLIER_FACTOR = 10.0
# eV/angstrom^3, 320 GPa: beyond what data sets are about, but common if GPa are taken for it.
ODD_STRESS = 2.0
# Structures whose atoms moved less are compared by energies and forces.
_STEP = 0.2  # angstrom
# A single atom's images further away than this do not make a crystal of it.
_FAR = 8.0  # angstrom


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
    """Returns the structures of one atom that nothing is near.

    It repeats in no direction, or far away only, or the file calls it so (``IsolatedAtom``).
    Without positions only the file's word counts: such formats do not say what repeats.
    """
    single = structures.num_atoms == 1
    if not single.any():
        return np.zeros(0, dtype=np.int64)
    found = np.flatnonzero(single)
    called = [
        len(structures.config_types) > 0 and _is_isolated(structures.config_types[index])
        for index in found.tolist()
    ]
    alone = np.array(called, dtype=bool)
    if structures.positions is not None:
        alone |= _repeats_far(structures.cell[found], structures.pbc[found])
    isolated: Ints = found[alone]
    return isolated


def _is_isolated(config_type: str) -> bool:
    word = config_type.lower().replace("_", "").replace("-", "").replace(" ", "")
    return word in ("isolatedatom", "isolatedatoms", "freeatom", "freeatoms")


def _repeats_far(cell: Floats, pbc: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Returns [n]: whether the shortest lattice vector of each is far longer than a bond.

    Sums and differences of the vectors are looked at as well, for cells that lean.
    """
    steps = np.array([s for s in np.ndindex(3, 3, 3) if s != (1, 1, 1)]) - 1
    vectors = steps @ np.where(pbc[:, :, None], cell, 0.0)
    moves = (steps != 0)[None] & pbc[:, None, :]
    lengths = np.where(moves.any(axis=2), np.linalg.norm(vectors, axis=2), np.inf)
    far: NDArray[np.bool_] = lengths.min(axis=1) > _FAR
    return far


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceCheck:
    """Structures by what is odd about their forces.

    Args:
        with_forces: [n] structures that have forces on all atoms.
        zero: Those of several atoms whose forces are all exactly zero; that on one atom is.
        net: Those whose forces do not sum to zero (NET_FORCE).
        outliers: Those with a root mean square over OUTLIER_FACTOR times the median.
        smallest, largest: Lengths of the smallest and the largest force vector (eV/angstrom).
        agreement: With the energies of structures that are close to each other; None where that
            cannot be told.
    """

    with_forces: Ints
    zero: Ints
    net: Ints
    outliers: Ints
    smallest: float
    largest: float
    agreement: Agreement | None


def check_forces(structures: StructureSet) -> ForceCheck | None:
    """Returns what is odd about the forces, None where no structure has any."""
    if structures.forces is None:
        return None
    known = np.flatnonzero(structures.known_forces == structures.num_atoms)
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
    return ForceCheck(
        with_forces=known,
        zero=known[(rms == 0) & (part.num_atoms > 1)],
        net=known[net > NET_FORCE],
        outliers=known[rms > OUTLIER_FACTOR * usual],
        smallest=float(lengths.min()),
        largest=float(lengths.max()),
        agreement=_agreement(part),
    )


def _agreement(structures: StructureSet) -> Agreement | None:
    """Compares energies of alike structures with what forces say of their difference."""
    if structures.positions is None:
        return None
    everything = np.arange(len(structures))
    by_forces, given = compared_pairs(structures, everything, partial(_compared, structures))
    return agreement(by_forces, given, FORCE_MISTAKES)


def _compared(structures: StructureSet, one: int, other: int) -> tuple[float, float] | None:
    """The energy difference by forces, and as given; None for structures too far apart.

    The former is minus the mean force along the displacement, right to its second order.
    """
    assert structures.positions is not None
    assert structures.forces is not None
    if not np.array_equal(structures.cell[one], structures.cell[other]):
        return None
    first, second = (slice(structures.offsets[i], structures.offsets[i + 1]) for i in (one, other))
    moved = structures.positions[second] - structures.positions[first]
    if not 0 < np.abs(moved).max() < _STEP:
        return None
    mean = (structures.forces[first] + structures.forces[second]) / 2
    given = structures.energy[other] - structures.energy[one]
    return -float((mean * moved).sum()), float(given)
