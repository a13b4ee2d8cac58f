"""HDF5 with a group per molecule, in the layouts of ANI and SPICE.

Structures of the same atoms in the same order share a group, called by formula and a number; the
order between groups is lost, and so are names. A structure without forces has NaN.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from panna_exp.data.structures import Ints, StructureSet
from panna_exp.elements import SYMBOLS, Species
from panna_exp.errors import DataError
from panna_exp.units import any_energy_factor, any_length_factor
from panna_exp.writers.parts import with_positions
from panna_exp.writers.save import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a collection calls its data sets, and their units.

    Args:
        positions, numbers, energies, forces: Names.
        forces_sign: -1 for gradients.
        energy_unit, length_unit: Units to write, named in the attribute ``units``.
    """

    positions: str
    numbers: str
    energies: str
    forces: str
    forces_sign: float
    energy_unit: str
    length_unit: str


def write_groups(
    path: Path, structures: StructureSet, species: Species, progress: Progress, layout: Layout
) -> None:
    """Writes one file (DataError: no positions, or periodic structures)."""
    with_positions(structures)
    periodic = np.flatnonzero(structures.pbc.any(axis=1))
    if len(periodic):
        raise DataError(
            f"{structures.origins[int(periodic[0])]}: is periodic, but the format to write has no "
            "lattice vectors"
        )
    done = 0
    table = np.array([SYMBOLS.index(symbol) + 1 for symbol in species], dtype=np.int16)
    with h5py.File(path, "w") as file:
        for number, (atoms, members) in enumerate(_alike(structures)):
            name = (
                f"{species.formula(np.bincount(atoms, minlength=len(species)).tolist())}-{number}"
            )
            part = structures.select(members)
            _write_group(file.create_group(name), part, table[atoms], layout)
            done += len(members)
            progress(done, len(structures))


def _alike(structures: StructureSet) -> Iterator[tuple[Ints, Ints]]:
    """Yields species indices [A] and the structures that have them."""
    found: dict[bytes, list[int]] = {}
    for index in range(len(structures)):
        atoms = slice(structures.offsets[index], structures.offsets[index + 1])
        found.setdefault(structures.species[atoms].tobytes(), []).append(index)
    for key, members in found.items():
        yield np.frombuffer(key, dtype=structures.species.dtype), np.array(members)


def _write_group(
    group: h5py.Group, part: StructureSet, numbers: NDArray[np.int16], layout: Layout
) -> None:
    shape = (len(part), len(numbers), 3)
    energy = any_energy_factor(layout.energy_unit, layout.energies)
    length = any_length_factor(layout.length_unit, layout.positions)
    assert part.positions is not None
    arrays = {
        layout.positions: (part.positions.reshape(shape) / length, layout.length_unit),
        layout.energies: (part.energy / energy, layout.energy_unit),
    }
    if part.forces is not None:
        scaled = part.forces.reshape(shape) * (layout.forces_sign * length / energy)
        arrays[layout.forces] = (scaled, f"{layout.energy_unit}/{layout.length_unit}")
    group.create_dataset(layout.numbers, data=numbers)
    for name, (values, unit) in arrays.items():
        group.create_dataset(name, data=values).attrs["units"] = unit
