"""Reference energies by least squares: what of the energies the composition alone explains."""

from dataclasses import dataclass

import numpy as np

from panna_exp.data.structures import Floats, StructureSet


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceFit:
    """Energies of T species that fit those of S structures best, each structure per atom.

    Args:
        energies: [T] (eV), zero for species that no structure has.
        residual: [S] what is left, per atom (eV).
        rank: How many of them the compositions determine; fewer than the species in the data where
            compositions are alike, and then only sums over such compositions mean something.
        num_present: Species that the structures have.
    """

    energies: Floats
    residual: Floats
    rank: int
    num_present: int

    @property
    def is_determined(self) -> bool:
        """Whether each species' energy is determined by itself."""
        return self.rank == self.num_present

    @property
    def rms(self) -> float:
        """Root mean square of the residuals (eV/atom)."""
        return float(np.sqrt(np.mean(self.residual**2)))


def fit_reference_energies(structures: StructureSet, num_species: int) -> ReferenceFit:
    """Returns the fit, in float64; of several that fit equally well the one of least norm."""
    counts = structures.counts(num_species).astype(np.float64)
    atoms = structures.num_atoms.astype(np.float64)
    shares, per_atom = counts / atoms[:, None], structures.energy / atoms
    energies, _, rank, _ = np.linalg.lstsq(shares, per_atom, rcond=None)
    present = counts.any(axis=0)
    known: Floats = np.where(present, energies, 0.0).astype(np.float64)
    return ReferenceFit(
        energies=known,
        residual=per_atom - shares @ known,
        rank=int(rank),
        num_present=int(present.sum()),
    )
