"""Predictors that know nothing of the geometry: what any useful potential must beat.

Both add to the sum of the free atoms' energies. *constant*: the same residual energy for every
structure. *per species*: the same residual energy for every atom of a species, by least squares;
this is the most that networks which ignore their input can do.
"""

from dataclasses import dataclass

import numpy as np

from panna_exp.data.structures import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantPredictor:
    """Fitted on the training data, or on the evaluated data where those are not at hand.

    Args:
        residual: Mean residual energy of a structure (eV).
        per_species: [T] residual energy of an atom of each species (eV).
        fitted_on: ``training data`` or ``evaluated data``.
        decisive: Whether there were enough structures for a comparison to mean something: at least
            two for each composition.
    """

    residual: float
    per_species: Floats
    fitted_on: str
    decisive: bool

    @classmethod
    def fit(
        cls, counts: Ints, energy: Floats, reference_energies: Floats, fitted_on: str
    ) -> "ConstantPredictor":
        """Fits to S structures.

        Args:
            counts: [S, T] atoms of each species.
            energy: [S] total energies of the data (eV).
            reference_energies: [T] energies of the free atoms (eV).
            fitted_on: What to call the data.
        """
        residual = energy - counts @ reference_energies
        # Relative to the number of atoms, as errors are: a large cell counts as much as a molecule.
        sizes = counts.sum(axis=1, keepdims=True)
        fractions, per_atom = counts / sizes, residual / sizes[:, 0]
        per_species = np.linalg.lstsq(fractions, per_atom, rcond=1e-10)[0]
        return cls(
            residual=float(residual.mean()),
            per_species=per_species,
            fitted_on=fitted_on,
            decisive=len(energy) >= 2 * len(np.unique(counts, axis=0)),
        )

    def constant_energy(self, counts: Ints, reference_energies: Floats) -> Floats:
        """Returns [S] total energies (eV) with the same residual for every structure."""
        energy: Floats = counts @ reference_energies + self.residual
        return energy

    def per_species_energy(self, counts: Ints, reference_energies: Floats) -> Floats:
        """Returns [S] total energies (eV) with the same residual for every atom of a species."""
        energy: Floats = counts @ (reference_energies + self.per_species)
        return energy
