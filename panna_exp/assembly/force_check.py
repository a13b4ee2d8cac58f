"""Checks a potential's forces against finite differences of its own energies."""

from dataclasses import replace

import numpy as np
import torch

from panna_exp.assembly.descriptor import SAY_WHICH
from panna_exp.assembly.potential import Potential
from panna_exp.assembly.saved import SavedPotential
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.info import Descriptor
from panna_exp.errors import DataError

_STRUCTURES = 5
_COMPONENTS = 12  # of each structure
_STEP = 1e-4  # angstrom; differences of fourth order then err by less than their rounding
_TOLERANCE = 1e-5


def check_forces(
    structures: StructureSet,
    saved: SavedPotential,
    descriptor: Descriptor,
    device: torch.device,
) -> str:
    """Compares some force components of some structures, in float64.

    Args:
        structures: With positions.
        saved: The potential.
        descriptor: What its networks take.
        device: Where to compute.

    Returns:
        A line with the largest difference, and whether that is agreement.

    Raises:
        DataError: No positions, or a descriptor that nothing names.
    """
    refuse_unmovable(structures, descriptor)
    potential = Potential([saved], torch.float64, device, descriptor)
    chosen = np.unique(np.linspace(0, len(structures) - 1, _STRUCTURES).astype(np.int64))
    random = np.random.default_rng(0)
    worst = scale = 0.0
    count = 0
    for index in chosen:
        structure = structures.select(np.array([index]))
        forces = potential.compute(structure).forces[0].cpu().numpy().ravel()
        components = random.permutation(len(forces))[:_COMPONENTS]
        for component in components:
            difference = _difference(potential, structure, int(component))
            worst = max(worst, abs(forces[component] + difference))
        scale = max(scale, float(np.abs(forces).max()))
        count += len(components)
    verdict = "they agree" if worst <= _TOLERANCE * max(scale, 1.0) else "THEY DIFFER"
    return (
        f"forces against differences of energies: {count} components of {len(chosen)} structures, "
        f"largest difference {worst:.1e} eV/angstrom of {scale:.3g}: {verdict}"
    )


def refuse_unmovable(structures: StructureSet, descriptor: Descriptor) -> None:
    """Raises DataError without positions, or for a descriptor that nothing names."""
    if structures.positions is None:
        raise DataError(
            f"{structures.origins[0]}: check_forces=true moves atoms, but there are no positions: "
            "name data with positions (data.test=...)"
        )
    if descriptor.parameters is None:
        raise DataError(f"check_forces=true needs the formula of the {descriptor}: {SAY_WHICH}")


def _difference(potential: Potential, structure: StructureSet, component: int) -> float:
    """Returns dE/dx of one of the [3 A] coordinates, from four displaced structures."""
    energies = []
    for step in (_STEP, -_STEP, 2 * _STEP, -2 * _STEP):
        assert structure.positions is not None
        moved = structure.positions.copy()
        moved.ravel()[component] += step
        energies.append(potential.energy(replace(structure, positions=moved)))
    return (8 * (energies[0] - energies[1]) - (energies[2] - energies[3])) / (12 * _STEP)
