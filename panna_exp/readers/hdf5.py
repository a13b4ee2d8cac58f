"""panna_exp's own data format: ragged arrays with offsets in HDF5.

Root attributes ``format``, ``format_version``, ``length_unit``, ``energy_unit``; data sets
``symbols`` [T], ``offsets`` [S + 1], ``species`` [A] (index in symbols), ``energy`` [S], and
optionally ``positions`` [A, 3], ``cell`` [S, 3, 3] with ``pbc`` [S, 3] (absent: molecules),
``forces`` [A, 3] (all of a structure NaN: none), ``name`` [S], ``descriptors`` [A, D] with the
attribute ``info`` (JSON); group ``provenance`` with attributes. Texts are UTF-8, of fixed or
variable length. What is written is covered by checksums: arrays by Fletcher-32, the rest by those
of HDF5 1.10.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from panna_exp.data.labels import Origins
from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.units import energy_factor, length_factor

FORMAT = "panna_exp.structures"
VERSION = 1
_CHUNK_ROWS = 4096
# What h5py raises for damaged files, depending on where the damage is.
_H5PY_ERRORS = (OSError, KeyError, ValueError, TypeError, RuntimeError, OverflowError, MemoryError)
# The first layout whose headers and links carry checksums; HDF5 1.10 (2016) and later read it.
_LIBVER = ("v110", "v110")


def read(path: Path, species: Species) -> StructureSet:
    """Reads a file, its species indices turned into those of ``species``.

    Raises:
        DataError: The file is damaged, of another format, or has other species.
    """
    with _open(path) as file:
        try:
            return _read(file, path, species)
        except _H5PY_ERRORS as error:
            raise DataError(f"{path}: is damaged or incomplete ({_reason(error)})") from None


def read_provenance(path: Path) -> dict[str, Any]:
    """Returns what the file says about where it comes from (DataError if it cannot be read)."""
    with _open(path) as file:
        try:
            attributes = file["provenance"].attrs if "provenance" in file else {}
            return {name: _text(value) for name, value in attributes.items()}
        except _H5PY_ERRORS as error:
            raise DataError(f"{path}: is damaged or incomplete ({_reason(error)})") from None


def write_hdf5(
    path: Path,
    structures: StructureSet,
    species: Species,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Writes a file, whole or not at all.

    Args:
        path: The file to create or replace.
        structures: What to write.
        species: Symbols of its species indices.
        provenance: Attributes that say where the data come from.

    Raises:
        OSError: The folder cannot be written, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    try:
        with h5py.File(name, "w", libver=_LIBVER) as file:
            _write(file, structures, species, provenance or {})
        with open(name, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _open(path: Path) -> Any:
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except _H5PY_ERRORS as error:
        raise DataError(f"{path}: is not a readable HDF5 file ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _read(file: Any, path: Path, species: Species) -> StructureSet:
    kind, version = _text(file.attrs.get("format")), file.attrs.get("format_version")
    if kind != FORMAT:
        raise DataError(
            f"{path}: has format {kind!r}, expected '{FORMAT}': is it another program's HDF5 file?"
        )
    if version != VERSION:
        raise DataError(f"{path}: has format version {version}, this program reads {VERSION}")
    length = length_factor(_unit(file, path, "length_unit"), str(path))
    energy = energy_factor(_unit(file, path, "energy_unit"), str(path))
    offsets = _offsets(file, path)
    count, atoms = len(offsets) - 1, int(offsets[-1])
    names = _strings(_array(file, path, "name", (count,)))
    origins = Origins(str(path), "structure", names, count)
    arrays = {
        key: _array(file, path, key, shape)
        for key, shape in (
            ("species", (atoms,)),
            ("energy", (count,)),
            ("positions", (atoms, 3)),
            ("forces", (atoms, 3)),
            ("cell", (count, 3, 3)),
            ("pbc", (count, 3)),
            ("descriptors", (atoms, None)),
        )
    }
    if arrays["species"] is None or arrays["energy"] is None:
        missing = "species" if arrays["species"] is None else "energy"
        raise DataError(f"{path}: the data set '{missing}' is missing")
    _check_finite(path, origins, offsets, arrays)
    info = file["descriptors"].attrs.get("info") if "descriptors" in file else None
    return StructureSet(
        names=names or [""] * count,
        origins=origins,
        offsets=offsets,
        species=_remap(_strings(file["symbols"][()]), arrays["species"], species, origins, offsets),
        energy=arrays["energy"].astype(np.float64) * energy,
        positions=_scaled(arrays["positions"], length),
        cell=_scaled(arrays["cell"], length, np.zeros((count, 3, 3))),
        pbc=np.zeros((count, 3), bool) if arrays["pbc"] is None else arrays["pbc"].astype(bool),
        forces=_scaled(arrays["forces"], energy / length),
        descriptors=None
        if arrays["descriptors"] is None
        else arrays["descriptors"].astype(np.float32, copy=False),
        descriptor_info=None if info is None else json.loads(_text(info)),
    )


def _unit(file: Any, path: Path, key: str) -> str:
    if key not in file.attrs:
        raise DataError(f"{path}: the attribute '{key}' is missing")
    return str(_text(file.attrs[key]))


def _array(file: Any, path: Path, key: str, shape: tuple[int | None, ...]) -> NDArray[Any] | None:
    if key not in file:
        return None
    values: NDArray[Any] = file[key][()]
    fits = values.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, values.shape, strict=True)
    )
    if not fits:
        shown = tuple("D" if want is None else want for want in shape)
        raise DataError(f"{path}: '{key}' has the shape {values.shape}, expected {shown}")
    return values


def _offsets(file: Any, path: Path) -> Ints:
    offsets = _array(file, path, "offsets", (None,))
    if offsets is None or offsets.dtype.kind not in "iu" or len(offsets) < 2 or offsets[0] != 0:
        found = "missing" if offsets is None else f"{offsets.dtype}, {offsets[:3].tolist()}..."
        raise DataError(f"{path}: 'offsets' is {found}, expected integers 0, ..., number of atoms")
    offsets = offsets.astype(np.int64)
    empty = np.flatnonzero(np.diff(offsets) <= 0)
    if len(empty):
        raise DataError(
            f"{path}, structure {empty[0]}: has no atoms ('offsets' does not increase)"
        )
    return offsets


def _check_finite(
    path: Path, origins: Sequence[str], offsets: NDArray[np.int64], arrays: Mapping[str, Any]
) -> None:
    bad = np.flatnonzero(~np.isfinite(arrays["energy"]))
    if len(bad):
        value = arrays["energy"][bad[0]]
        raise DataError(f"{origins[int(bad[0])]}: the energy is {value}, expected a finite number")
    for key in ("positions", "descriptors"):
        if arrays[key] is not None and not np.isfinite(arrays[key]).all():
            atom = int(np.argwhere(~np.isfinite(arrays[key]))[0][0])
            owner = int(np.searchsorted(offsets, atom, side="right")) - 1
            raise DataError(
                f"{origins[owner]}: {key} of atom {atom - offsets[owner]} are not finite numbers"
            )


def _remap(
    symbols: Sequence[str],
    stored: NDArray[Any],
    species: Species,
    origins: Sequence[str],
    offsets: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Species indices of the file turned into those of the list asked for."""
    table = np.full(len(symbols), -1, dtype=np.int64)
    for index, symbol in enumerate(symbols):
        if symbol in species.symbols:
            table[index] = species.symbols.index(symbol)
    outside = (stored < 0) | (stored >= len(symbols))
    known = table[np.where(outside, 0, stored)]
    wrong = np.flatnonzero(outside | (known < 0))
    if len(wrong):
        atom = int(wrong[0])
        owner = int(np.searchsorted(offsets, atom, side="right")) - 1
        where = f"{origins[owner]}, atom {atom - offsets[owner]}"
        if outside[atom]:
            raise DataError(f"{where}: species index {stored[atom]}, but {len(symbols)} symbols")
        species.index(symbols[int(stored[atom])], where)
    return known


def _scaled(array: Any, factor: float, default: Any = None) -> Any:
    return default if array is None else array.astype(np.float64) * factor


def _strings(values: Any) -> list[str]:
    return [str(_text(item)) for item in values]


def _text(value: Any) -> Any:
    """Texts of fixed length come as bytes."""
    return value.decode() if isinstance(value, bytes) else value


def _write(
    file: Any, structures: StructureSet, species: Species, provenance: Mapping[str, Any]
) -> None:
    _set_attributes(file, {"format": FORMAT, "format_version": VERSION})
    _set_attributes(file, {"length_unit": "angstrom", "energy_unit": "eV"})
    arrays: dict[str, Any] = {
        "symbols": _fixed(species.symbols),
        "name": _fixed(structures.names) if any(structures.names) else None,
        "offsets": structures.offsets,
        "species": structures.species.astype(np.int16),
        "energy": structures.energy,
        "positions": structures.positions,
        "forces": structures.forces,
        "descriptors": structures.descriptors,
    }
    if structures.pbc.any() or structures.cell.any():
        arrays |= {"cell": structures.cell, "pbc": structures.pbc}
    for key, values in arrays.items():
        if values is not None:
            chunks = (min(len(values), _CHUNK_ROWS), *values.shape[1:])
            file.create_dataset(key, data=values, chunks=chunks, fletcher32=True)
    if structures.descriptor_info is not None:
        _set_attributes(file["descriptors"], {"info": json.dumps(structures.descriptor_info)})
    _set_attributes(file.create_group("provenance"), provenance)


def _set_attributes(target: Any, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        target.attrs[key] = _fixed([value])[0] if isinstance(value, str) else value


def _fixed(texts: Sequence[str]) -> NDArray[Any]:
    """Texts of fixed length: unlike those of variable length they are covered by checksums."""
    encoded = [text.encode() for text in texts]
    width = max(1, *map(len, encoded))
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", width))
