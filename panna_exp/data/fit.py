"""Reference energies: those of isolated atoms in the data, the others by least squares."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.checks import isolated_atoms
from panna_exp.data.structures import Floats, Ints, StructureSet

# Isolated atoms of one species whose energies differ by more than this are not the same atom.
_SAME = 1e-3  # eV
_NEGLIGIBLE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceFit:
    """Energies of T species for S structures.

    Args:
        energies: [T] (eV): the lowest of a species' isolated atoms where the data have any, else
            what fits the rest best, each structure per atom; zero for species that nobody has.
        residual: [S] what is left, per atom (eV).
        rank: How many of them isolated atoms and compositions determine; fewer than the species in
            the data where compositions are alike, and then only sums over such compositions mean
            something.
        num_present: Species that the structures have.
        isolated: [T] whether the energy is an isolated atom's.
        undetermined: [T] whether the compositions leave the energy open.
        spread: [T] largest less lowest energy of a species' isolated atoms (eV).
    """

    energies: Floats
    residual: Floats
    rank: int
    num_present: int
    isolated: NDArray[np.bool_]
    undetermined: NDArray[np.bool_]
    spread: Floats

    @property
    def is_determined(self) -> bool:
        """Whether each species' energy is determined by itself."""
        return self.rank == self.num_present

    @property
    def ambiguous(self) -> NDArray[np.bool_]:
        """[T] whether a species' isolated atoms have several energies."""
        return self.spread > _SAME

    @property
    def rms(self) -> float:
        """Root mean square of the residuals (eV/atom)."""
        return float(np.sqrt(np.mean(self.residual**2)))


def fit_reference_energies(
    structures: StructureSet, num_species: int, isolated: Ints | None = None
) -> ReferenceFit:
    """Returns the energies, in float64; of several that fit equally well those of least norm.

    Args:
        structures: S structures.
        num_species: T.
        isolated: Numbers of those that are isolated atoms; None: as
            :func:`panna_exp.data.checks.isolated_atoms` finds them.
    """
    counts = structures.counts(num_species).astype(np.float64)
    atoms = structures.num_atoms.astype(np.float64)
    fractions, per_atom = counts / atoms[:, None], structures.energy / atoms
    alone = isolated_atoms(structures) if isolated is None else isolated
    known, spread = _lowest(structures, alone, num_species)
    given = np.isfinite(known)
    present = counts.any(axis=0)
    fitted = present & ~given
    left = per_atom - fractions[:, given] @ known[given]
    energies = np.zeros(num_species)
    energies[given] = known[given]
    rank, undetermined = int(given.sum()), np.zeros(num_species, dtype=bool)
    if fitted.any():
        found, _, more, _ = np.linalg.lstsq(fractions[:, fitted], left, rcond=None)
        energies[fitted] = found
        rank += int(more)
        undetermined[np.flatnonzero(fitted)] = _open(fractions[:, fitted], int(more))
    return ReferenceFit(
        energies=energies,
        residual=per_atom - fractions @ energies,
        rank=rank,
        num_present=int(present.sum()),
        isolated=given,
        undetermined=undetermined,
        spread=spread,
    )


def _lowest(structures: StructureSet, isolated: Ints, num_species: int) -> tuple[Floats, Floats]:
    """Returns [T] the lowest energy of each species' isolated atoms, NaN without, and span."""
    lowest, span = np.full(num_species, np.nan), np.zeros(num_species)
    species = structures.species[structures.offsets[isolated]]
    for index in np.unique(species).tolist():
        energies = structures.energy[isolated[species == index]]
        lowest[index], span[index] = energies.min(), np.ptp(energies)
    return lowest, span


def _open(fractions: Floats, rank: int) -> NDArray[np.bool_]:
    """Returns [t]: which energies may change without changing the fit."""
    directions = np.linalg.svd(fractions.T @ fractions)[2][rank:]
    found: NDArray[np.bool_] = (np.abs(directions) > _NEGLIGIBLE).any(axis=0)
    return found
