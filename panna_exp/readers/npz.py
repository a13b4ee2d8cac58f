"""NumPy archives as sGDML and MD17 have them: many geometries of one molecule.

Arrays, by their usual names: positions ``R`` [n, A, 3], atomic numbers ``z`` [A] or [n, A] (0:
padding), energies ``E`` [n], forces ``F`` [n, A, 3], optionally ``lattice`` [3, 3] (lattice
vectors as columns, as in sGDML) or ``cell`` [3, 3] or [n, 3, 3] (as rows), and ``names`` [n].
Units are what ``e_unit`` and ``r_unit`` say (``kcal/mol``, ``Ang``); else the user must give the
energy's, and lengths are in angstrom. Nothing is unpickled.
"""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from panna_exp.data.structures import Floats, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError, closest
from panna_exp.readers.frames import Frames, numbers_of
from panna_exp.readers.options import ReadOptions, chosen_unit, forces_factor, without_zero_forces
from panna_exp.units import any_energy_factor, any_length_factor

_NAMES = {
    "positions": ("R", "coords", "coordinates", "positions"),
    "atomic numbers": ("z", "Z", "nuclear_charges", "atomic_numbers", "numbers"),
    "energies": ("E", "energies", "energy"),
    "forces": ("F", "forces"),
}
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, MemoryError)


def read(path: Path, species: Species, options: ReadOptions | None = None) -> StructureSet:
    """Reads every structure (DataError: names file, array or structure, and cause)."""
    chosen = options or ReadOptions()
    arrays = _Arrays.load(path)
    energy = any_energy_factor(arrays.unit("e_unit", chosen.energy_unit, "energy_unit"), str(path))
    unit = arrays.unit("r_unit", chosen.length_unit, "length_unit", "angstrom")
    length = any_length_factor(unit, str(path))
    forces = arrays.floats("forces", chosen.forces_key, needed=chosen.forces_key is not None)
    cell = arrays.cell()
    frames = Frames(
        where=str(path),
        numbers=numbers_of(arrays.needed("atomic numbers"), str(path)),
        energy=arrays.floats("energies", chosen.energy_key) * energy,
        positions=arrays.floats("positions") * length,
        forces=None
        if forces is None
        else forces * forces_factor(chosen, energy, length, str(path)),
        cell=None if cell is None else cell * length,
        names=arrays.names(),
    )
    return without_zero_forces(frames.structures(species), chosen)


class _Arrays:
    """The arrays of a file by name."""

    def __init__(self, path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._path = path
        self._arrays = arrays

    @classmethod
    def load(cls, path: Path) -> "_Arrays":
        """Reads all but pickled arrays (DataError: damaged, or no archive)."""
        try:
            with path.open("rb") as file:
                found = np.load(file, allow_pickle=False)
                if not isinstance(found, NpzFile):
                    raise DataError(f"{path}: is one NumPy array, expected an archive (.npz)")
                return cls(path, {name: _plain(found, name) for name in found.files})
        except FileNotFoundError:
            raise DataError(f"{path}: no such file") from None
        except _DAMAGED as error:
            raise DataError(
                f"{path}: is damaged, or no NumPy archive ({type(error).__name__})"
            ) from None

    def needed(self, what: str, key: str | None = None) -> NDArray[Any]:
        """Returns an array by the user's or one of its usual names (DataError)."""
        names = _NAMES[what] if key is None else (key,)
        for name in names:
            if name in self._arrays:
                return self._arrays[name]
        listed = ", ".join(self._arrays) or "nothing that can be read"
        raise DataError(
            f"{self._path}: has no {what} ({' or '.join(names)}), it has {listed}"
            f"{closest(names[0], self._arrays) if key else ''}"
        )

    def floats(self, what: str, key: str | None = None, needed: bool = True) -> Any:
        """Returns numbers as float64; None if they are not there and not needed."""
        if not needed and not any(name in self._arrays for name in _NAMES[what]):
            return None
        values = self.needed(what, key)
        if values.dtype.kind not in "fiu":
            raise DataError(f"{self._path}: {what} are of type {values.dtype}, expected numbers")
        return values.astype(np.float64)

    def cell(self) -> Floats | None:
        """Returns lattice vectors as rows."""
        if "lattice" in self._arrays:
            return np.asarray(self._arrays["lattice"], dtype=np.float64).T
        if "cell" in self._arrays:
            return np.asarray(self._arrays["cell"], dtype=np.float64)
        return None

    def names(self) -> list[str]:
        """Returns the structures' names, none if the file has none."""
        found = self._arrays.get("names")
        return [] if found is None or found.dtype.kind != "U" else [str(item) for item in found]

    def unit(self, key: str, given: str | None, option: str, default: str | None = None) -> str:
        """Returns the unit that the file or the user says (DataError: none, or two)."""
        stored = self._arrays.get(key)
        own = None
        if stored is not None and stored.dtype.kind in "SU" and stored.size == 1:
            item = stored.item()
            own = item.decode() if isinstance(item, bytes) else str(item)
        return chosen_unit(own, given, option, str(self._path), default)


def _plain(found: Any, name: str) -> NDArray[Any]:
    """Returns an array; one that only pickle could read is left out as if it were not there."""
    try:
        return np.asarray(found[name])
    except ValueError as error:
        if "allow_pickle" in str(error):
            return np.empty(0, dtype="V1")
        raise
