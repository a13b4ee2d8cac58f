"""What a potential predicts for S structures, beside what the data say.

Shapes: S structures, T species, A atoms of all structures. Units: eV, eV/angstrom.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from panna_exp.data.structures import Floats, Ints
from panna_exp.elements import Species


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Energies, and forces where they were computed.

    Args:
        names: [S] keys, empty where the record has none.
        species: The T symbols, in the order of ``counts``.
        counts: [S, T] atoms of each species.
        energy: [S] predicted total energies (eV).
        reference: [S] total energies of the data (eV).
        reference_energies: [T] energy of an atom of each species that the potential adds (eV).
        atom_species: [A] species index of each atom, structure after structure; needed with forces.
        forces: [A, 3] predicted (eV/angstrom), or None.
        reference_forces: [A, 3] of the data, NaN where a structure has none; or None.
        stress: [S, 3, 3] predicted, NaN without three lattice vectors (eV/angstrom^3), or None.
        reference_stress: [S, 3, 3] of the data, NaN where a structure has none; or None.
        energy_spread: [S] standard deviation over the members of a committee (eV), or None.
        force_spread: [A, 3] likewise (eV/angstrom), or None.
    """

    names: Sequence[str]
    species: Species
    counts: Ints
    energy: Floats
    reference: Floats
    reference_energies: Floats
    atom_species: Ints | None = None
    forces: Floats | None = None
    reference_forces: Floats | None = None
    stress: Floats | None = None
    reference_stress: Floats | None = None
    energy_spread: Floats | None = None
    force_spread: Floats | None = None

    def __post_init__(self) -> None:
        size, types = len(self.energy), len(self.species)
        assert len(self.names) == size
        assert self.counts.shape == (size, types)
        assert self.reference.shape == (size,)
        assert self.reference_energies.shape == (types,)
        for array in (self.stress, self.reference_stress):
            assert array is None or array.shape == (size, 3, 3)
        assert self.energy_spread is None or self.energy_spread.shape == (size,)
        for array in (self.forces, self.reference_forces, self.force_spread):
            assert array is None or array.shape == (self.num_atoms.sum(), 3)
        assert self.forces is None or self.atom_species is not None

    def __len__(self) -> int:
        return len(self.energy)

    @property
    def num_atoms(self) -> Ints:
        """[S] atoms of each structure."""
        sizes: Ints = self.counts.sum(axis=1)
        return sizes

    @property
    def error(self) -> Floats:
        """[S] predicted minus reference total energy (eV)."""
        return self.energy - self.reference

    @property
    def free_atoms(self) -> Floats:
        """[S] sum of the reference energies of a structure's atoms (eV)."""
        total: Floats = self.counts @ self.reference_energies
        return total

    @property
    def formulas(self) -> list[str]:
        """[S] composition of each structure, e.g. ``H2O``."""
        known: dict[tuple[int, ...], str] = {}
        for row in np.unique(self.counts, axis=0):
            known[tuple(row.tolist())] = self.species.formula(row.tolist())
        return [known[tuple(row)] for row in self.counts.tolist()]
