"""HDF5 with a group per molecule and its geometries as arrays: the layouts of ANI and SPICE."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.structures import Floats, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError, closest
from panna_exp.readers.frames import Frames, numbers_of
from panna_exp.readers.h5 import dataset, groups_with, opened
from panna_exp.readers.hdf5_arrays import text
from panna_exp.readers.options import ReadOptions, chosen_unit, forces_factor, without_zero_forces
from panna_exp.units import any_energy_factor, any_length_factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a collection calls its data sets.

    Args:
        positions: [n, A, 3]; a group that has them is a molecule.
        numbers: [A] or [n, A] atomic numbers or symbols, by any of these names.
        energies: [n], by any of these names.
        forces: [n, A, 3], by any of these names.
        forces_sign: -1 where they are gradients of the energy.
        energy_unit, length_unit: Where the file does not say them (attribute ``units``).
    """

    positions: str
    numbers: tuple[str, ...]
    energies: tuple[str, ...]
    forces: tuple[str, ...]
    forces_sign: float
    energy_unit: str
    length_unit: str


def read_groups(path: Path, species: Species, options: ReadOptions, layout: Layout) -> StructureSet:
    """Reads every geometry of every molecule, groups in the order of their names.

    A geometry is called as its group, with its number if there are several.

    Raises:
        DataError: Names file, group, structure and cause.
    """
    with opened(path) as file:
        groups = groups_with(file, layout.positions)
        if not groups:
            raise DataError(
                f"{path}: no group in it has '{layout.positions}', expected one per molecule"
            )
        parts = [
            _Group(group, path, options, layout).frames().structures(species) for group in groups
        ]
    return without_zero_forces(StructureSet.concatenate(parts), options)


@dataclass(frozen=True, slots=True)
class _Group:
    """One molecule."""

    group: Any
    path: Path
    options: ReadOptions
    layout: Layout

    @property
    def where(self) -> str:
        return f"{self.path}, group '{self.group.name.strip('/')}'"

    def frames(self) -> Frames:
        """Returns its arrays in eV and angstrom (DataError)."""
        layout, options = self.layout, self.options
        energies = self._key(layout.energies, options.energy_key, "energies")
        units = self._units(energies)
        length = any_length_factor(units[1], self.where)
        energy = any_energy_factor(units[0], self.where)
        positions = self._numbers(layout.positions)
        species = self._array(self._key(layout.numbers, None, "species"))
        return Frames(
            where=self.where,
            numbers=numbers_of(species, self.where),
            energy=self._numbers(energies) * energy,
            positions=positions * length,
            forces=self._forces(units, forces_factor(options, energy, length, self.where)),
            names=self._names(len(positions)),
        )

    def _forces(self, units: tuple[str, str], factor: float) -> Floats | None:
        key = self.options.forces_key
        if key is None and not any(name in self.group for name in self.layout.forces):
            return None
        found = self._key(self.layout.forces, key, "forces")
        expected = "/".join(units)
        own = self._own_unit(found)
        if self.options.forces_unit is None and own not in (None, expected):
            raise DataError(
                f"{self.where}: '{found}' says that its unit is {own!r}, but energies and "
                f"positions are in {expected.replace('/', ' and ')}: say which with "
                "data.forces_unit (--forces-unit)"
            )
        sign = self.layout.forces_sign if self.options.forces_sign is None else 1.0
        return self._numbers(found) * (sign * factor)

    def _key(self, names: tuple[str, ...], given: str | None, what: str) -> str:
        """Returns the name that is there."""
        wanted = names if given is None else (given,)
        for name in wanted:
            if name in self.group:
                return name
        known = list(self.group)
        raise DataError(
            f"{self.where}: has no {what} ({' or '.join(wanted)}), it has {', '.join(known)}"
            f"{closest(wanted[0], known)}"
        )

    def _numbers(self, key: str) -> Floats:
        values = self._array(key)
        if values.dtype.kind not in "fiu":
            raise DataError(f"{self.where}: '{key}' holds {values.dtype}, expected numbers")
        return values.astype(np.float64)

    def _array(self, key: str) -> NDArray[Any]:
        """Returns a data set (DataError)."""
        found = dataset(self.group, key, self.where)
        values: NDArray[Any] = np.asarray(found[()])
        return values

    def _units(self, energies: str) -> tuple[str, str]:
        """Returns the units of energy and length."""
        layout, given = self.layout, self.options
        own = self._own_unit(energies), self._own_unit(layout.positions)
        return (
            chosen_unit(own[0], given.energy_unit, "energy_unit", self.where, layout.energy_unit),
            chosen_unit(own[1], given.length_unit, "length_unit", self.where, layout.length_unit),
        )

    def _own_unit(self, key: str) -> str | None:
        own = self.group[key].attrs.get("units")
        return None if own is None else str(text(own))

    def _names(self, count: int) -> list[str]:
        name = self.group.name.rpartition("/")[2]
        if not name:
            return []
        return [name] if count == 1 else [f"{name}-{index}" for index in range(count)]
