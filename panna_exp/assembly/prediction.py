"""What a potential predicts for many structures, batch by batch.

Shapes: S structures, A atoms of all of them. Units: eV, eV/angstrom, eV/angstrom^3.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from panna_exp.assembly.potential import Potential
from panna_exp.data.structures import Floats, Ints, StructureSet
from panna_exp.descriptors.rows import chunks

_BATCH_ATOMS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """Predictions; of a committee means over its members, and standard deviations over them.

    Args:
        energy: [S] total energies (eV).
        atomic_energies: [A] (eV).
        forces: [A, 3] (eV/angstrom).
        stress: [S, 3, 3] as ASE has it (eV/angstrom^3), NaN without three lattice vectors.
        energy_std: [S] (eV), None of one potential; likewise the others.
        forces_std: [A, 3] (eV/angstrom).
        stress_std: [S, 3, 3] (eV/angstrom^3).
    """

    energy: Floats
    atomic_energies: Floats
    forces: Floats
    stress: Floats
    energy_std: Floats | None
    forces_std: Floats | None
    stress_std: Floats | None

    def largest_forces_std(self, offsets: Ints) -> Floats | None:
        """[S] the largest spread of an atom's force (eV/angstrom), None of one potential.

        Of an atom it is the root mean square distance of the members' forces from their mean, the
        model deviation of Zhang et al., Phys. Rev. Materials 3 (2019) 023804.

        Args:
            offsets: [S + 1] of the structures.
        """
        if self.forces_std is None:
            return None
        largest: Floats = np.maximum.reduceat(atomic_spread(self.forces_std), offsets[:-1])
        return largest


def atomic_spread(forces_std: Floats) -> Floats:
    """Returns [A] norms of the standard deviations [A, 3] of force components."""
    norms: Floats = np.linalg.norm(forces_std, axis=1)
    return norms


def predict(
    potential: Potential,
    structures: StructureSet,
    progress: Callable[[int, int], None] | None = None,
) -> Predicted:
    """Predicts energies, forces and stresses.

    Args:
        potential: One, or a committee.
        structures: With positions.
        progress: Called with (done, all) structures.

    Raises:
        DataError: A species that the potential was not trained on.
    """
    energies, atomic, forces, stresses = [], [], [], []
    for some, _ in chunks(structures.offsets, _BATCH_ATOMS):
        part = structures.select(np.arange(some.start, some.stop))
        volumes = np.abs(np.linalg.det(part.cell))
        computed = potential.compute(part, strain=bool(volumes.any()))
        values = computed.atomic_energy.cpu().numpy()
        energies.append(np.add.reduceat(values, part.offsets[:-1], axis=1))
        atomic.append(values)
        forces.append(computed.forces.double().cpu().numpy())
        stress = np.full((len(values), len(part), 3, 3), np.nan)
        if computed.strain_gradient is not None:
            gradient = computed.strain_gradient.double().cpu().numpy()
            periodic = volumes > 0
            stress[:, periodic] = gradient[:, periodic] / volumes[periodic, None, None]
        stresses.append(stress)
        if progress is not None:
            progress(some.stop, len(structures))
    several = len(potential) > 1
    found = [np.concatenate(item, axis=1) for item in (energies, atomic, forces, stresses)]
    energy, atomic_energies, force, stress = (item.mean(axis=0) for item in found)
    spreads = [item.std(axis=0) if several else None for item in found]
    return Predicted(
        energy=energy,
        atomic_energies=atomic_energies,
        forces=force,
        stress=stress,
        energy_std=spreads[0],
        forces_std=spreads[2],
        stress_std=spreads[3],
    )
