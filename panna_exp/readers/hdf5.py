"""panna_exp's own data format: ragged arrays with offsets in HDF5.

Root attributes ``format``, ``format_version``, ``length_unit``, ``energy_unit``; data sets
``symbols`` [T], ``offsets`` [S + 1], ``species`` [A] (index in symbols), ``energy`` [S], and
optionally ``positions`` [A, 3], ``cell`` [S, 3, 3] with ``pbc`` [S, 3] (absent: molecules),
``forces`` [A, 3] (all of a structure NaN: none), ``name`` [S], ``descriptors`` [A, D] with the
attribute ``info`` (JSON) and their ``derivatives`` (see hdf5_derivatives); group ``provenance``
with attributes. Texts are UTF-8, of fixed or
variable length. What is written is covered by checksums: arrays by Fletcher-32, the rest by those
of HDF5 1.10.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from reprlib import repr as shown
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from panna_exp.data.labels import Origins
from panna_exp.data.structures import Ints, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError, closest
from panna_exp.files import replacing
from panna_exp.readers.flat_checks import FlatChecks
from panna_exp.readers.h5 import opened
from panna_exp.readers.hdf5_derivatives import read_derivatives, write_derivatives
from panna_exp.readers.options import ReadOptions
from panna_exp.units import energy_factor, length_factor

FORMAT = "panna_exp.structures"
VERSION = 1
_CHUNK_ROWS = 4096
# The first layout whose headers and links carry checksums; HDF5 1.10 (2016) and later read it.
_LIBVER = ("v110", "v110")


def read(path: Path, species: Species, options: ReadOptions | None = None) -> StructureSet:
    """Reads a file, its species indices turned into those of ``species``.

    Derivatives of descriptors are read only where ``options`` ask for them.

    Raises:
        DataError: The file is damaged, of another format, or has other species.
    """
    with opened(path) as file:
        return _read(file, path, species, options is not None and options.derivatives)


def read_symbols(path: Path) -> list[str]:
    """Returns the symbols of the file's species indices, in order (DataError)."""
    with opened(path) as file:
        _check_format(file, path)
        return _symbols(file, path)


def read_provenance(path: Path) -> dict[str, Any]:
    """Returns what the file says about where it comes from (DataError if it cannot be read)."""
    with opened(path) as file:
        attributes = file["provenance"].attrs if "provenance" in file else {}
        return {name: _text(value) for name, value in attributes.items()}


def write_hdf5(
    path: Path,
    structures: StructureSet,
    species: Species,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Writes a file that :func:`read` takes, whole or not at all.

    Args:
        path: The file to create or replace.
        structures: What to write.
        species: Symbols of its species indices.
        provenance: Attributes that say where the data come from.

    Raises:
        DataError: A structure has no atoms, an index outside ``species``, or numbers that are not
            finite.
        OSError: The folder cannot be written, or the disk is full.
    """
    checks = FlatChecks(structures.origins, structures.offsets)
    checks.sizes()
    checks.species(structures.species, species.symbols, species)
    checks.values(structures)
    with replacing(path) as part, h5py.File(part, "w", libver=_LIBVER) as file:
        _write(file, structures, species, provenance or {})


def _read(file: Any, path: Path, species: Species, with_derivatives: bool) -> StructureSet:
    _check_format(file, path)
    length = length_factor(_unit(file, path, "length_unit"), str(path))
    energy = energy_factor(_unit(file, path, "energy_unit"), str(path))
    offsets = _offsets(file, path)
    count, atoms = len(offsets) - 1, int(offsets[-1])
    names = _strings(_array(file, path, "name", (count,), "SO"))
    checks = FlatChecks(Origins(str(path), "structure", names, count), offsets)
    checks.sizes()
    energies = _needed(file, path, "energy", (count,), "fiu")
    stored = _needed(file, path, "species", (atoms,), "iu")
    positions = _array(file, path, "positions", (atoms, 3))
    forces = _array(file, path, "forces", (atoms, 3))
    descriptors = _array(file, path, "descriptors", (atoms, None))
    cell, pbc = _cells(file, path, count)
    derivatives = None
    if with_derivatives and descriptors is not None:
        width = descriptors.shape[1]
        derivatives = read_derivatives(file, path, checks.origins, np.diff(offsets), width)
    structures = StructureSet(
        names=names or [""] * count,
        origins=checks.origins,
        offsets=offsets,
        species=checks.species(stored, _symbols(file, path), species),
        energy=energies.astype(np.float64) * energy,
        positions=_scaled(positions, length),
        cell=_scaled(cell, length),
        pbc=pbc,
        forces=_scaled(forces, energy / length),
        descriptors=None if descriptors is None else _single_or_double(descriptors),
        descriptor_info=_descriptor_info(file, path),
        derivatives=derivatives,
    )
    checks.values(structures)
    return structures


def _check_format(file: Any, path: Path) -> None:
    kind, version = _text(file.attrs.get("format")), file.attrs.get("format_version")
    if kind != FORMAT:
        raise DataError(
            f"{path}: has format {kind!r}, expected '{FORMAT}': is it another program's HDF5 "
            "file? (data.kind=ani or spice, --from ani or spice)"
        )
    if version != VERSION:
        raise DataError(f"{path}: has format version {version}, this program reads {VERSION}")


def _unit(file: Any, path: Path, key: str) -> str:
    if key not in file.attrs:
        raise DataError(f"{path}: the attribute '{key}' is missing")
    return str(_text(file.attrs[key]))


def _offsets(file: Any, path: Path) -> Ints:
    offsets = _needed(file, path, "offsets", (None,), "iu").astype(np.int64)
    if len(offsets) < 2 or offsets[0] != 0:
        raise DataError(
            f"{path}: 'offsets' is {shown(offsets.tolist())}, expected 0, ..., number of atoms"
        )
    return offsets


def _cells(file: Any, path: Path, count: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    cell = _array(file, path, "cell", (count, 3, 3))
    pbc = _array(file, path, "pbc", (count, 3), "biu")
    if cell is None and pbc is None:
        return np.zeros((count, 3, 3)), np.zeros((count, 3), dtype=bool)
    if cell is None or pbc is None:
        have, missing = ("pbc", "cell") if cell is None else ("cell", "pbc")
        raise DataError(f"{path}: has the data set '{have}', but '{missing}' is missing")
    return cell, pbc.astype(bool)


def _symbols(file: Any, path: Path) -> list[str]:
    symbols = _strings(_needed(file, path, "symbols", (None,), "SO"))
    if len(set(symbols)) < len(symbols):
        raise DataError(f"{path}: 'symbols' is {shown(symbols)}: one is there twice")
    return symbols


def _descriptor_info(file: Any, path: Path) -> dict[str, Any] | None:
    if "descriptors" not in file or "info" not in file["descriptors"].attrs:
        return None
    info = json.loads(_text(file["descriptors"].attrs["info"]))
    if not isinstance(info, dict):
        raise DataError(f"{path}: the attribute 'info' of 'descriptors' is no JSON object")
    return info


def _needed(
    file: Any, path: Path, key: str, shape: tuple[int | None, ...], kinds: str
) -> NDArray[Any]:
    values = _array(file, path, key, shape, kinds)
    if values is None:
        raise DataError(f"{path}: the data set '{key}' is missing{closest(key, file)}")
    return values


def _array(
    file: Any, path: Path, key: str, shape: tuple[int | None, ...], kinds: str = "f"
) -> NDArray[Any] | None:
    """Returns a data set if it is there; ``kinds`` are NumPy's letters for types."""
    if key not in file:
        return None
    values: NDArray[Any] = np.asarray(file[key][()])
    fits = values.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, values.shape, strict=True)
    )
    if not fits:
        expected = tuple("any" if want is None else want for want in shape)
        raise DataError(f"{path}: '{key}' has the shape {values.shape}, expected {expected}")
    if values.dtype.kind not in kinds:
        expected_kind = {"f": "floats", "S": "texts"}.get(kinds[0], "integers")
        raise DataError(f"{path}: '{key}' holds {values.dtype}, expected {expected_kind}")
    return values


def _single_or_double(values: NDArray[Any]) -> NDArray[Any]:
    return values if values.dtype == np.float64 else values.astype(np.float32, copy=False)


def _scaled(array: Any, factor: float) -> Any:
    return None if array is None else array.astype(np.float64) * factor


def _strings(values: Any) -> list[str]:
    return [] if values is None else [str(_text(item)) for item in values]


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
            chunks = (max(1, min(len(values), _CHUNK_ROWS)), *values.shape[1:])
            file.create_dataset(key, data=values, chunks=chunks, fletcher32=True)
    if structures.derivatives is not None:
        write_derivatives(file, structures.derivatives)
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
