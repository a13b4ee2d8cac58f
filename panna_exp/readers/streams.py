"""Data sets that are read piece by piece: panna_exp's HDF5, whose structures have known places.

Shapes: S structures.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from panna_exp.data.structures import Ints, StructureSet
from panna_exp.data.windows import runs
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers.files import FileRecord
from panna_exp.readers.h5 import checked, opened_file
from panna_exp.readers.hdf5_layout import Layout

# Enough for the chunks that two runs of structures share.
_CACHE_BYTES = 64 * 2**20
_LARGE = ("descriptors", "positions", "forces", "virial")
_DERIVATIVES = "derivatives"
# Parts of the large arrays that go into the fingerprint: reading all of them takes minutes.
_SAMPLES = 64


class Hdf5Stream:
    """One file, kept open.

    Args:
        path: The file.
        species: Species list that indices are turned into.
        derivatives: Whether to read the derivatives of descriptors, where there are any.
        sparse: Keep them sparse (true) or dense (false); None: as the file has them.

    Raises:
        DataError: Names the file and the cause.
    """

    def __init__(
        self, path: Path, species: Species, derivatives: bool, sparse: bool | None
    ) -> None:
        self.path = path
        self._file = opened_file(path, rdcc_nbytes=_CACHE_BYTES)
        self._derivatives, self._sparse = derivatives, sparse
        with checked(path):
            self._layout = Layout(self._file, path, species)
            self.index = self._layout.index()
        self.num_bytes = self._layout.num_bytes(*self._keys)

    @property
    def _keys(self) -> tuple[str, ...]:
        return (*_LARGE, *((_DERIVATIVES,) if self._derivatives else ()))

    def read(self, indices: Ints) -> StructureSet:
        """Returns the structures at sorted ``indices`` (DataError)."""
        with checked(self.path):
            read, index = self._layout.read, self.index
            parts = [read(*run, self._derivatives, index) for run in runs(indices)]
        return StructureSet.concatenate(parts).with_derivatives_as(self._sparse)

    def fingerprint(self) -> str:
        """Returns a hash of the index and of samples of the rest."""
        digest = hashlib.sha256(json.dumps(self.index.descriptor_info, sort_keys=True).encode())
        for array in (self.index.offsets, self.index.species, self.index.energy):
            digest.update(np.ascontiguousarray(array).tobytes())
        with checked(self.path):
            for item in self._arrays():
                digest.update(f"{item.name} {item.shape} {item.dtype}".encode())
                for start in np.linspace(0, max(len(item) - 1, 0), _SAMPLES).astype(np.int64):
                    digest.update(np.asarray(item[int(start) : int(start) + 1]).tobytes())
        return digest.hexdigest()

    def _arrays(self) -> list[Any]:
        found = []
        for key in (*self._keys, "cell", "pbc"):
            item = self._file.get(key)
            if isinstance(item, h5py.Group):
                found += [item[name] for name in sorted(item)]
            elif item is not None:
                found.append(item)
        return found

    def record(self) -> FileRecord:
        """Returns the file as runs record it."""
        return FileRecord(
            path=self.path,
            kind="hdf5",
            num_records=len(self.index),
            sha256=f"sampled:{self.fingerprint()}",
        )


class ChainedStream:
    """Several files one after the other (DataError where they do not fit together)."""

    def __init__(self, parts: Sequence[Hdf5Stream]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part.index) for part in parts])
        self.index = StructureSet.concatenate([part.index for part in parts])
        first = parts[0]
        for part in parts[1:]:
            if part.index.descriptor_info != first.index.descriptor_info:
                raise DataError(
                    f"{part.path}: its descriptors are not those of {first.path}: name files that "
                    "were made alike"
                )

    def read(self, indices: Ints) -> StructureSet:
        """Returns the structures at sorted ``indices`` (DataError)."""
        owner = np.searchsorted(self._ends, indices, side="right")
        starts = self._ends - [len(part.index) for part in self._parts]
        return StructureSet.concatenate(
            [
                self._parts[index].read(indices[owner == index] - starts[index])
                for index in np.unique(owner).tolist()
            ]
        )
