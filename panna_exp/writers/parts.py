"""One structure of many, as writers of text take it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.structures import Floats, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A structure with A atoms (eV, angstrom).

    Args:
        name: Its key, empty if it has none.
        symbols: [A].
        energy: Total energy.
        positions: [A, 3].
        cell: [3, 3], zero rows where not periodic.
        pbc: [3].
        forces: [A, 3], NaN for atoms without; or None.
        virial: [3, 3] minus the energy's derivative by strain, or None.
        config_type: Kind of structure, empty if it has none.
        weights: [3] of energy, forces and virial in a loss, or None.
        trajectory: Of which it is a frame, empty without.
    """

    name: str
    symbols: list[str]
    energy: float
    positions: Floats
    cell: Floats
    pbc: NDArray[np.bool_]
    forces: Floats | None
    virial: Floats | None
    config_type: str = ""
    weights: Floats | None = None
    trajectory: str = ""


def with_positions(structures: StructureSet) -> Floats:
    """Returns the positions [A, 3] of all atoms (DataError: there are none)."""
    if structures.positions is None:
        raise DataError(
            f"{structures.origins[0]}: has no positions (PANNA's TFRecords have none), which the "
            "format to write needs"
        )
    return structures.positions


def parts_of(structures: StructureSet, species: Species) -> Iterator[Part]:
    """Yields each structure (DataError: there are no positions)."""
    positions = with_positions(structures)
    for index in range(len(structures)):
        atoms = slice(structures.offsets[index], structures.offsets[index + 1])
        forces = None if structures.forces is None else structures.forces[atoms]
        virial = None if structures.virial is None else structures.virial[index]
        yield Part(
            name=structures.names[index],
            symbols=[species.symbols[number] for number in structures.species[atoms]],
            energy=float(structures.energy[index]),
            positions=positions[atoms],
            cell=structures.cell[index],
            pbc=structures.pbc[index],
            forces=None if forces is None or np.isnan(forces).all() else forces,
            virial=None if virial is None or np.isnan(virial[0, 0]) else virial,
            config_type=structures.config_types[index] if len(structures.config_types) else "",
            weights=None if structures.weights is None else structures.weights[index],
            trajectory=structures.trajectories[index] if len(structures.trajectories) else "",
        )
