"""Predictions for structures given as plain values: what a model in MLflow computes.

from panna_exp.predictor import Predictor
Predictor.load("outputs/my_run/model/epoch_100_step_3600").predict(
    [{"symbols": ["O", "H", "H"], "positions": [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]}]
)
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.assembly.given_structure import structure_of
from panna_exp.assembly.model_folder import read_members
from panna_exp.assembly.potential import Potential
from panna_exp.assembly.prediction import predict
from panna_exp.data.structures import Floats, StructureSet
from panna_exp.descriptors.rows import chunks

__all__ = ["Predictor"]

_BATCH_ATOMS = 2048


class Predictor:
    """Energies, atomic energies and forces of structures.

    Args:
        potential: Computes them.
    """

    def __init__(self, potential: Potential) -> None:
        self._potential = potential

    @classmethod
    def load(cls, folder: str | Path) -> "Predictor":
        """Reads the folder of a model, of one potential or of a committee.

        Raises:
            NetworkError: It is damaged, or written by a version whose format is another one.
        """
        members, dtype = read_members(Path(folder))
        return cls(Potential(members, dtype))

    @property
    def symbols(self) -> tuple[str, ...]:
        """The chemical species that it knows."""
        return self._potential.species.symbols

    def predict(
        self, structures: Sequence[Any], forces: bool = False, stress: bool = False
    ) -> list[dict[str, Any]]:
        """Predicts.

        Args:
            structures: ASE's Atoms, or mappings with ``symbols`` [A], ``positions`` [A, 3]
                (angstrom), and for periodic ones ``cell`` [3, 3], lattice vectors as rows
                (angstrom), and ``pbc``, true or false or [3] of them: by default periodic along
                each vector that is given.
            forces: Whether to compute these as well.
            stress: The same, of structures with three lattice vectors.

        Returns:
            Of each structure ``energy`` (eV), ``atomic_energies`` [A] (eV), with ``forces`` these
            [A, 3] (eV/angstrom), and with ``stress`` this [3, 3] (eV/angstrom^3, ASE's sign). Of a
            committee these are means, and there are ``energy_std``, ``forces_std`` and
            ``stress_std``, standard deviations over its members.

        Raises:
            DataError: Names the structure, by its index, from 0, and what does not fit.
        """
        if not len(structures):
            return []
        checked = self._checked(structures)
        if not forces and not stress:
            return list(self._energies(checked))
        found = predict(self._potential, checked)
        rows = []
        for index, (first, last) in enumerate(
            zip(checked.offsets[:-1], checked.offsets[1:], strict=True)
        ):
            values: dict[str, Any] = {
                "energy": float(found.energy[index]),
                "atomic_energies": found.atomic_energies[first:last],
            }
            if found.energy_std is not None:
                values["energy_std"] = float(found.energy_std[index])
            if forces:
                values["forces"] = found.forces[first:last]
                if found.forces_std is not None:
                    values["forces_std"] = found.forces_std[first:last]
            if stress and np.isfinite(found.stress[index]).all():
                values["stress"] = found.stress[index]
                if found.stress_std is not None:
                    values["stress_std"] = found.stress_std[index]
            rows.append(values)
        return rows

    def descriptors(self, structure: Any) -> Floats:
        """Returns the descriptors [A, D] of a structure, in the order of its atoms.

        Raises:
            DataError: What does not fit.
        """
        geometry = self._potential.operator.geometry(self._checked([structure]))
        computed = self._potential.operator.compute(geometry)
        return np.array(computed.cpu().numpy(), dtype=np.float64)

    def _checked(self, structures: Sequence[Any]) -> StructureSet:
        species = self._potential.species
        return StructureSet.from_structures(
            [
                structure_of(item, f"structure {index}", species)
                for index, item in enumerate(structures)
            ]
        )

    def _energies(self, structures: StructureSet) -> Iterator[dict[str, Any]]:
        """Yields energies alone, which cost a fraction of the forces."""
        for some, _ in chunks(structures.offsets, _BATCH_ATOMS):
            part = structures.select(np.arange(some.start, some.stop))
            atomic = self._potential.atomic_energies(part).cpu().numpy()
            for first, last in zip(part.offsets[:-1], part.offsets[1:], strict=True):
                own = atomic[:, first:last]
                mean = own.mean(axis=0)
                values: dict[str, Any] = {"energy": float(mean.sum()), "atomic_energies": mean}
                if len(own) > 1:
                    values["energy_std"] = float(own.sum(axis=1).std())
                yield values
