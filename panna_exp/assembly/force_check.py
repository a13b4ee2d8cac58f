"""Checks a potential's forces against finite differences of its own energies."""

from dataclasses import replace

import numpy as np
import torch

from panna_exp.assembly.descriptor import Info, describe
from panna_exp.data.structures import Floats, StructureSet
from panna_exp.descriptors.mbp import MBP
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.errors import DataError
from panna_exp.model.force_gradients import input_gradient
from panna_exp.model.gradients import forward
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.layers import NetworkData

_STRUCTURES = 5
_COMPONENTS = 12  # of each structure
_STEP = 1e-4  # angstrom; differences of fourth order then err by less than their rounding
_TOLERANCE = 1e-5


def check_forces(
    structures: StructureSet,
    networks: tuple[NetworkData, ...],
    descriptor: Info,
    device: torch.device,
) -> str:
    """Compares some force components of some structures, in float64.

    Args:
        structures: With positions.
        networks: Of the potential.
        descriptor: What they take.
        device: Where to compute.

    Returns:
        A line with the largest difference, and whether that is agreement.

    Raises:
        DataError: No positions, or a descriptor that nothing names.
    """
    if structures.positions is None:
        raise DataError(
            f"{structures.origins[0]}: check_forces=true moves atoms, but there are no positions: "
            "name data with positions (data.test=...)"
        )
    if descriptor["type"] == "unknown":
        raise DataError(
            f"check_forces=true needs the formula of the {describe(descriptor)}: say "
            "descriptor.generation=A, B or C"
        )
    operator = MBP(MBPParameters.from_info(descriptor), torch.float64, device)
    model = _Model(SpeciesNetworks(networks, torch.float64).to(device), operator)
    chosen = np.unique(np.linspace(0, len(structures) - 1, _STRUCTURES).astype(np.int64))
    random = np.random.default_rng(0)
    worst = scale = 0.0
    count = 0
    for index in chosen:
        structure = structures.select(np.array([index]))
        forces = model.forces(structure).ravel()
        components = random.permutation(len(forces))[:_COMPONENTS]
        for component in components:
            difference = model.difference(structure, int(component))
            worst = max(worst, abs(forces[component] + difference))
        scale = max(scale, float(np.abs(forces).max()))
        count += len(components)
    verdict = "they agree" if worst <= _TOLERANCE * max(scale, 1.0) else "THEY DIFFER"
    return (
        f"forces against differences of energies: {count} components of {len(chosen)} structures, "
        f"largest difference {worst:.1e} eV/angstrom of {scale:.3g}: {verdict}"
    )


class _Model:
    """Energy and forces of one structure."""

    def __init__(self, networks: SpeciesNetworks, operator: MBP) -> None:
        self._networks = networks
        self._operator = operator

    def forces(self, structure: StructureSet) -> Floats:
        """Returns [A, 3]."""
        order, counts = self._by_species(structure)
        geometry = self._operator.geometry(structure)
        values = self._operator.compute(geometry)
        passed = forward(self._networks, values[order], counts)
        slopes = torch.empty_like(values)
        slopes[order] = input_gradient(self._networks, passed, counts).values
        forces: Floats = -self._operator.vjp(geometry, slopes).cpu().numpy()
        return forces

    def difference(self, structure: StructureSet, component: int) -> float:
        """Returns dE/dx of one of the [3 A] coordinates, from four displaced structures."""
        steps = (_STEP, -_STEP, 2 * _STEP, -2 * _STEP)
        energies = [self._energy(structure, component, step) for step in steps]
        return (8 * (energies[0] - energies[1]) - (energies[2] - energies[3])) / (12 * _STEP)

    def _energy(self, structure: StructureSet, component: int, by: float) -> float:
        assert structure.positions is not None
        moved = structure.positions.copy()
        moved.ravel()[component] += by
        order, counts = self._by_species(structure)
        geometry = self._operator.geometry(replace(structure, positions=moved))
        values = self._operator.compute(geometry)
        return float(forward(self._networks, values[order], counts).atom_energy.sum())

    def _by_species(self, structure: StructureSet) -> tuple[torch.Tensor, list[int]]:
        types = len(self._networks.networks)
        order = np.argsort(structure.species, kind="stable")
        return torch.from_numpy(order), structure.counts(types)[0].tolist()
