"""NumPy archives as sGDML and MD17 have them: many geometries of one molecule.

Arrays, by their usual names: positions ``R`` [n, A, 3], atomic numbers ``z`` [A] or [n, A] (0:
padding), energies ``E`` [n], forces ``F`` [n, A, 3], optionally ``lattice`` [3, 3] (lattice
vectors as columns, as in sGDML) or ``cell`` [3, 3] or [n, 3, 3] (as rows), and ``names`` [n].
Units are what ``e_unit`` and ``r_unit`` say (``kcal/mol``, ``Ang``); else the user must give the
energy's, and lengths are in angstrom. Nothing is unpickled.
"""

import lzma
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from panna_exp.data.structures import Floats, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError, closest
from panna_exp.readers.frames import Frames, numbers_of
from panna_exp.readers.options import ReadOptions, chosen_unit, forces_factor, without_zero_forces
from panna_exp.units import any_energy_factor, any_length_factor

# Deflate makes a thousandth at most, of zeros; of real numbers a tenth.
_MOST_TIMES, _HARMLESS = 200, 2**28

_NAMES = {
    "positions": ("R", "coords", "coordinates", "positions"),
    "atomic numbers": ("z", "Z", "nuclear_charges", "atomic_numbers", "numbers"),
    "energies": ("E", "energies", "energy"),
    "forces": ("F", "forces"),
}
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, MemoryError),
    *(ValueError, KeyError, IndexError, TypeError, RuntimeError, OverflowError, AttributeError),
    *(SyntaxError, tokenize.TokenError),
)


def read(path: Path, species: Species, options: ReadOptions | None = None) -> StructureSet:
    """Reads every structure (DataError: names file, array or structure, and cause)."""
    chosen = options or ReadOptions()
    with _Arrays.opened(path) as arrays:
        frames = _frames(arrays, chosen, str(path))
    return without_zero_forces(frames.structures(species), chosen)


def _frames(arrays: "_Arrays", chosen: ReadOptions, where: str) -> Frames:
    energy = any_energy_factor(arrays.unit("e_unit", chosen.energy_unit, "energy_unit"), where)
    unit = arrays.unit("r_unit", chosen.length_unit, "length_unit", "angstrom")
    length = any_length_factor(unit, where)
    forces = arrays.floats("forces", chosen.forces_key, needed=chosen.forces_key is not None)
    cell = arrays.cell()
    return Frames(
        where=where,
        numbers=numbers_of(arrays.needed("atomic numbers"), where),
        energy=arrays.floats("energies", chosen.energy_key) * energy,
        positions=arrays.floats("positions") * length,
        forces=None if forces is None else forces * forces_factor(chosen, energy, length, where),
        cell=None if cell is None else cell * length,
        names=arrays.names(),
    )


class _Arrays:
    """The arrays of a file by name, each read when it is asked for."""

    def __init__(self, path: Path, archive: NpzFile) -> None:
        self._path = path
        self._archive = archive

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator["_Arrays"]:
        """Gives all but pickled arrays (DataError: damaged, or no archive)."""
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise DataError(f"{path}: no such file") from None
        try:
            with file:
                found = np.load(file, allow_pickle=False)
                if not isinstance(found, NpzFile):
                    raise DataError(f"{path}: is one NumPy array, expected an archive (.npz)")
                check_names(found)
                yield cls(path, found)
        except _DAMAGED as error:
            raise DataError(
                f"{path}: is damaged, or no NumPy archive ({type(error).__name__})"
            ) from None

    def __contains__(self, name: str) -> bool:
        return name in self._archive.files

    def read(self, name: str) -> NDArray[Any]:
        """Returns an array (DataError: only pickle could read it, or it would fill the memory)."""
        check_member(self._archive, name, self._path)
        return np.asarray(self._archive[name])

    def needed(self, what: str, key: str | None = None) -> NDArray[Any]:
        """Returns an array by the user's or one of its usual names (DataError)."""
        names = _NAMES[what] if key is None else (key,)
        for name in names:
            if name in self:
                return self.read(name)
        listed = ", ".join(self._archive.files) or "nothing"
        raise DataError(
            f"{self._path}: has no {what} ({' or '.join(names)}), it has {listed}"
            f"{closest(names[0], self._archive.files) if key else ''}"
        )

    def floats(self, what: str, key: str | None = None, needed: bool = True) -> Any:
        """Returns numbers as float64; None if they are not there and not needed."""
        if not needed and not any(name in self for name in _NAMES[what]):
            return None
        values = self.needed(what, key)
        if values.dtype.kind not in "fiu":
            raise DataError(f"{self._path}: {what} are of type {values.dtype}, expected numbers")
        return values.astype(np.float64)

    def cell(self) -> Floats | None:
        """Returns lattice vectors as rows."""
        for name in ("lattice", "cell"):
            if name in self:
                values = self.read(name)
                if values.dtype.kind not in "fiu":
                    raise DataError(
                        f"{self._path}: '{name}' is of type {values.dtype}, not numbers"
                    )
                numbers: Floats = values.astype(np.float64)
                return numbers.T if name == "lattice" else numbers
        return None

    def names(self) -> list[str]:
        """Returns the structures' names, none if the file has none."""
        found = self.read("names") if "names" in self else None
        if found is None or found.dtype.kind != "U":
            return []
        if found.ndim != 1:
            raise DataError(f"{self._path}: names have the shape {found.shape}, expected (n,)")
        return [str(item) for item in found]

    def unit(self, key: str, given: str | None, option: str, default: str | None = None) -> str:
        """Returns the unit that the file or the user says (DataError: none, or two)."""
        stored = self.read(key) if key in self else None
        own = None
        if stored is not None and stored.dtype.kind in "SU" and stored.size == 1:
            item = stored.item()
            own = item.decode(errors="backslashreplace") if isinstance(item, bytes) else str(item)
        return chosen_unit(own, given, option, str(self._path), default)


def check_names(archive: NpzFile) -> None:
    """Compares the names of members in the archive's directory with those before their data.

    Raises:
        zipfile.BadZipFile: They differ: a damaged name would hide an array.
    """
    assert archive.zip is not None
    for info in archive.zip.infolist():
        archive.zip.open(info).close()


def check_member(archive: NpzFile, name: str, path: Path) -> None:
    """Raises DataError for an array that pickle would have to read, or that cannot be so large.

    Args:
        archive: Opened with ``allow_pickle=False``.
        name: Of the array.
        path: For messages.
    """
    assert archive.zip is not None
    member = name if name in archive.zip.namelist() else f"{name}.npy"
    info = archive.zip.getinfo(member)
    with archive.zip.open(info) as file:
        version = npy.read_magic(file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise DataError(
            f"{path}: '{name}' holds Python objects, which could run code when they are read: save "
            "it as numbers or texts (numpy.savez of an array that is not of type object)"
        )
    size = int(np.prod([int(length) for length in shape], dtype=object)) * dtype.itemsize
    stored = info.compress_size
    if size > info.file_size or size > max(_HARMLESS, _MOST_TIMES * stored):
        raise DataError(
            f"{path}: '{name}' has the shape {shape}, {size / 1e9:.3g} GB, but the archive has "
            f"{stored} bytes of it: it is damaged"
        )
