"""What a file of :mod:`panna_exp.readers.hdf5` holds: its index at once, the rest by structures.

Shapes: S structures, A atoms, D descriptor components.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.labels import Origins, Picked
from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers.flat_checks import FlatChecks
from panna_exp.readers.h5 import dataset
from panna_exp.readers.hdf5_arrays import Texts, array, needed, read_offsets, text
from panna_exp.readers.hdf5_derivatives import read_derivatives
from panna_exp.units import energy_factor, length_factor

FORMAT = "panna_exp.structures"
VERSION = 1


class Layout:
    """An open file, checked as far as that is possible without reading the large arrays.

    Args:
        file: Open h5py file.
        path: For messages.
        species: Species list that indices are turned into.

    Raises:
        DataError: Another format, or something missing or misshapen.
    """

    def __init__(self, file: Any, path: Path, species: Species) -> None:
        check_format(file, path)
        self._file, self._path, self._species = file, path, species
        self._length = length_factor(_unit(file, path, "length_unit"), str(path))
        self._energy = energy_factor(_unit(file, path, "energy_unit"), str(path))
        self.offsets = read_offsets(file, path)
        self._symbols = read_file_symbols(file, path)
        self.names = Texts(array(file, path, "name", (len(self),), "SO"))
        self._types = Texts(array(file, path, "config_type", (len(self),), "SO"))
        self._trajectories = Texts(array(file, path, "trajectory", (len(self),), "SO"))
        origins = Origins(str(path), "structure", self.names, len(self))
        self._checks = FlatChecks(origins, self.offsets)
        self._checks.sizes()
        self.origins = origins
        self.descriptor_info = _descriptor_info(file, path)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def has(self, key: str) -> bool:
        """Whether there is a data set or group of that name."""
        return key in self._file

    def num_bytes(self, *keys: str) -> int:
        """Returns the size in memory of data sets, those of groups included."""
        total = 0
        for key in keys:
            found = self._file.get(key)
            for item in found.values() if hasattr(found, "values") else (found,):
                total += 0 if item is None else int(item.size * item.dtype.itemsize)
        return total

    def index(self) -> StructureSet:
        """Returns sizes, species and energies of all structures, without anything else."""
        atoms, count = int(self.offsets[-1]), len(self)
        stored = needed(self._file, self._path, "species", (atoms,), "iu")
        energies = needed(self._file, self._path, "energy", (count,), "fiu")
        index = StructureSet(
            names=self.names or [""] * count,
            origins=self.origins,
            offsets=self.offsets,
            species=self._checks.species(stored, self._symbols, self._species),
            energy=energies.astype(np.float64) * self._energy,
            cell=np.broadcast_to(np.zeros((3, 3)), (count, 3, 3)),
            pbc=np.broadcast_to(np.zeros(3, dtype=bool), (count, 3)),
            descriptor_info=self.descriptor_info,
            config_types=self._types if len(self._types) else (),
            trajectories=self._trajectories if len(self._trajectories) else (),
        )
        self._checks.energies(index.energy)
        return index

    def read(
        self, start: int, stop: int, with_derivatives: bool, index: StructureSet | None = None
    ) -> StructureSet:
        """Returns the structures from ``start`` up to ``stop`` (DataError).

        Args:
            start: The first one.
            stop: The one after the last one.
            with_derivatives: Whether to read derivatives, where there are any.
            index: Of all structures, as :meth:`index` returns it: what it has is not read again.
        """
        index = self.index() if index is None else index
        file, path, count = self._file, self._path, len(self)
        rows, everything = slice(start, stop), start == 0 and stop == count
        atoms, of_all = (
            slice(int(self.offsets[start]), int(self.offsets[stop])),
            int(self.offsets[-1]),
        )
        offsets = self.offsets[start : stop + 1] - self.offsets[start]
        here = np.arange(start, stop)
        origins = self.origins if everything else Picked(self.origins, here)
        checks = FlatChecks(origins, offsets)
        positions = array(file, path, "positions", (of_all, 3), rows=atoms)
        forces = array(file, path, "forces", (of_all, 3), rows=atoms)
        descriptors = array(file, path, "descriptors", (of_all, None), rows=atoms)
        virial = array(file, path, "virial", (count, 3, 3), rows=rows)
        weights = array(file, path, "weights", (count, 3), rows=rows)
        cell, pbc = self._cells(rows)
        derivatives = None
        if with_derivatives and descriptors is not None:
            place = (start, atoms.start, count)
            derivatives = read_derivatives(
                file, path, origins, np.diff(offsets), descriptors.shape[1], place
            )
        names = self.names if everything else Picked(self.names, here)
        structures = StructureSet(
            names=names if len(self.names) else [""] * len(origins),
            origins=origins,
            offsets=offsets,
            species=index.species[atoms],
            energy=index.energy[rows],
            positions=_scaled(positions, self._length),
            cell=_scaled(cell, self._length),
            pbc=pbc,
            forces=_scaled(forces, self._energy / self._length),
            descriptors=None if descriptors is None else _single_or_double(descriptors),
            descriptor_info=self.descriptor_info,
            derivatives=derivatives,
            virial=_scaled(virial, self._energy),
            config_types=Picked(self._types, here) if len(self._types) else (),
            trajectories=Picked(self._trajectories, here) if len(self._trajectories) else (),
            weights=_scaled(weights, 1.0),
        )
        checks.values(structures)
        return structures

    def _cells(self, rows: slice) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        file, path, count = self._file, self._path, len(self)
        cell = array(file, path, "cell", (count, 3, 3), rows=rows)
        pbc = array(file, path, "pbc", (count, 3), "biu", rows)
        if cell is None and pbc is None:
            size = len(range(*rows.indices(count)))
            return np.zeros((size, 3, 3)), np.zeros((size, 3), dtype=bool)
        if cell is None or pbc is None:
            have, missing = ("pbc", "cell") if cell is None else ("cell", "pbc")
            raise DataError(f"{path}: has the data set '{have}', but '{missing}' is missing")
        return cell, pbc.astype(bool)


def check_format(file: Any, path: Path) -> None:
    """Raises DataError unless the file is ours, of a version that we read."""
    kind, version = text(file.attrs.get("format")), file.attrs.get("format_version")
    if kind != FORMAT:
        raise DataError(
            f"{path}: has format {kind!r}, expected '{FORMAT}': is it another program's HDF5 "
            "file? (data.kind=ani or spice, --from ani or spice)"
        )
    if version != VERSION:
        raise DataError(f"{path}: has format version {version}, this program reads {VERSION}")


def read_file_symbols(file: Any, path: Path) -> list[str]:
    """Returns the symbols of the file's species indices, in order (DataError)."""
    symbols = list(Texts(needed(file, path, "symbols", (None,), "SO")))
    if len(set(symbols)) < len(symbols):
        raise DataError(f"{path}: 'symbols' is {symbols}: one is there twice")
    return symbols


def _unit(file: Any, path: Path, key: str) -> str:
    if key not in file.attrs:
        raise DataError(f"{path}: the attribute '{key}' is missing")
    return str(text(file.attrs[key]))


def _descriptor_info(file: Any, path: Path) -> dict[str, Any] | None:
    values = dataset(file, "descriptors", path)
    if values is None or "info" not in values.attrs:
        return None
    info = json.loads(text(values.attrs["info"]))
    if not isinstance(info, dict):
        raise DataError(f"{path}: the attribute 'info' of 'descriptors' is not a JSON object")
    return info


def _single_or_double(values: NDArray[Any]) -> NDArray[Any]:
    return values if values.dtype == np.float64 else values.astype(np.float32, copy=False)


def _scaled(values: Any, factor: float) -> Any:
    return None if values is None else values.astype(np.float64) * factor
