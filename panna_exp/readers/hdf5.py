"""panna_exp's own data format: ragged arrays with offsets in HDF5.

Root attributes ``format``, ``format_version``, ``length_unit``, ``energy_unit``; data sets
``symbols`` [T], ``offsets`` [S + 1], ``species`` [A] (index in symbols), ``energy`` [S], and
optionally ``positions`` [A, 3], ``cell`` [S, 3, 3] with ``pbc`` [S, 3] (absent: molecules),
``forces`` [A, 3] and ``virial`` [S, 3, 3] (NaN of an atom, of a structure: none), ``name`` [S],
``config_type`` and ``trajectory`` [S] (empty: none), ``weights`` [S, 3] of energy, forces and
virial in a loss, ``descriptors`` [A, D] with the attribute ``info`` (JSON) and their
``derivatives`` (see hdf5_derivatives); group ``provenance`` with attributes. Texts are UTF-8, of
fixed or variable length. What is written is covered by checksums: arrays by Fletcher-32, the rest
by those of HDF5 1.10.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from panna_exp.data.derivatives import Derivatives
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.neighbor_derivatives import NeighborDerivatives
from panna_exp.elements import Species
from panna_exp.files import flushed_meanwhile, replacing
from panna_exp.readers.flat_checks import FlatChecks
from panna_exp.readers.h5 import opened
from panna_exp.readers.hdf5_arrays import read_offsets, text
from panna_exp.readers.hdf5_derivatives import GROUP, write_derivatives
from panna_exp.readers.hdf5_layout import (
    FORMAT,
    VERSION,
    Layout,
    check_format,
    read_file_symbols,
)
from panna_exp.readers.options import ReadOptions

_CHUNK_BYTES = 1_000_000  # what HDF5 keeps of a data set, and little to waste at its end
# The first layout whose headers and links carry checksums; HDF5 1.10 (2016) and later read it.
_LIBVER = ("v110", "v110")


def read(path: Path, species: Species, options: ReadOptions | None = None) -> StructureSet:
    """Reads a file, its species indices turned into those of ``species``.

    Derivatives of descriptors are read only where ``options`` ask for them.

    Raises:
        DataError: The file is damaged, of another format, or has other species.
    """
    with opened(path) as file:
        layout = Layout(file, path, species)
        return layout.read(0, len(layout), options is not None and options.derivatives)


def read_symbols(path: Path) -> list[str]:
    """Returns the symbols of the file's species indices, in order (DataError)."""
    with opened(path) as file:
        check_format(file, path)
        return read_file_symbols(file, path)


def count_structures(path: Path) -> int:
    """Returns how many structures the file has (DataError)."""
    with opened(path) as file:
        check_format(file, path)
        return len(read_offsets(file, path)) - 1


def has_derivatives(path: Path) -> bool:
    """Whether the file has derivatives of descriptors (DataError)."""
    with opened(path) as file:
        return GROUP in file


def read_provenance(path: Path) -> dict[str, Any]:
    """Returns what the file says about where it comes from (DataError if it cannot be read)."""
    with opened(path) as file:
        attributes = file["provenance"].attrs if "provenance" in file else {}
        return {name: text(value) for name, value in attributes.items()}


def write_hdf5(
    path: Path,
    structures: StructureSet,
    species: Species,
    provenance: Mapping[str, Any] | None = None,
    derivatives: Iterable[Derivatives | NeighborDerivatives] | None = None,
    negligible: float = 0.0,
) -> None:
    """Writes a file that :func:`read` takes, whole or not at all.

    Args:
        path: The file to create or replace.
        structures: What to write.
        species: Symbols of its species indices.
        provenance: Attributes that say where the data come from.
        derivatives: Those of the structures, some at a time, where they have none themselves.
        negligible: What was left out of them, where they are by neighbours (1/angstrom).

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
        parts = derivatives if structures.derivatives is None else [structures.derivatives]
        if parts is not None and structures.descriptors is not None:
            width = structures.descriptors.shape[1]
            with flushed_meanwhile(part):
                write_derivatives(file, parts, structures.num_atoms, width, negligible)


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
        "virial": structures.virial,
        "config_type": _fixed(structures.config_types) if len(structures.config_types) else None,
        "trajectory": _fixed(structures.trajectories) if len(structures.trajectories) else None,
        "weights": structures.weights,
        "descriptors": structures.descriptors,
    }
    if structures.pbc.any() or structures.cell.any():
        arrays |= {"cell": structures.cell, "pbc": structures.pbc}
    for key, values in arrays.items():
        if values is not None:
            row = max(1, values.itemsize * int(np.prod(values.shape[1:])))
            chunks = (max(1, min(len(values), _CHUNK_BYTES // row)), *values.shape[1:])
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
