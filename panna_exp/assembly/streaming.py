"""When a data set is read piece by piece, and what of it is kept.

Structures, energies and species stay in memory (about 100 bytes per structure and 8 per atom); all
that is larger is read window by window.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from panna_exp.config.schema import DataConfig
from panna_exp.data.streamed import StructureSource, Subset
from panna_exp.data.structures import Floats, Ints, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import FileRecord
from panna_exp.readers.files import find_files
from panna_exp.readers.open import READERS
from panna_exp.readers.streams import ChainedStream, Hdf5Stream

logger = logging.getLogger(__name__)

Prepare = Callable[[StructureSet], StructureSet]

_BLOCKS = 16  # a window has, from all over the data
# Neighbour lists and triples of an atom, where derivatives are computed from positions.
_LISTS_PER_ATOM = 4000
_SAMPLES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A data set on disk.

    Args:
        source: Reads structures.
        sample: A few of them, prepared: what the data set has can be seen from these.
        prepare: Adds what the files do not have.
        window_bytes: Size of a window in memory.
    """

    source: StructureSource
    sample: StructureSet
    prepare: Prepare
    window_bytes: float

    def read(self, indices: Ints) -> StructureSet:
        """Returns the structures at sorted ``indices``, with descriptors."""
        return self.prepare(self.source.read(indices))

    def select(self, indices: Ints) -> "Stream":
        """Returns a part, by sorted indices."""
        return replace(self, source=Subset(self.source, indices))

    def window(self) -> int:
        """Returns the structures that a window holds, a pure function of data and options."""
        index = self.source.index
        atoms = int(index.offsets[-1]) / len(index)
        return max(1, min(len(index), int(self.window_bytes / self._bytes_per_atom() / atoms)))

    def block(self) -> int:
        """Returns the structures that are read together."""
        return max(1, self.window() // _BLOCKS)

    def _bytes_per_atom(self) -> float:
        sample = self.sample
        atoms = int(sample.offsets[-1])
        arrays = (sample.descriptors, sample.positions, sample.forces)
        size = float(sum(array.nbytes for array in arrays if array is not None)) / atoms
        if sample.derivatives is not None:
            kept = sample.derivatives
            parts = (kept.values, kept.rows, kept.columns)
            return size + sum(part.nbytes for part in parts if part is not None) / atoms
        return size + (0 if sample.positions is None else _LISTS_PER_ATOM)

    def forces(self) -> Floats | None:
        """Returns [A, 3] the forces of all structures, or None."""
        if self.sample.forces is None:
            return None
        count, window = len(self.source.index), self.window()
        parts = []
        for start in range(0, count, window):
            part = self.source.read(np.arange(start, min(start + window, count)))
            assert part.forces is not None
            parts.append(part.forces)
        return np.concatenate(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Files that are to be read piece by piece."""

    source: ChainedStream
    files: list[FileRecord]

    def sample(self) -> StructureSet:
        """Returns a few structures from all over the data."""
        count = len(self.source.index)
        return self.source.read(np.unique(np.linspace(0, count - 1, _SAMPLES).astype(np.int64)))


def open_stream(
    paths: Sequence[str],
    species: Species,
    data: DataConfig,
    base: Path,
    derivatives: bool,
) -> Opened | None:
    """Opens files to be read piece by piece, where the options say so or the memory does.

    Args:
        paths: As :func:`panna_exp.readers.open_structures` takes them.
        species: The species list.
        data: Its ``streaming`` and ``memory_gb`` decide.
        base: Folder that relative paths start from.
        derivatives: Whether stored derivatives are needed.

    Returns:
        The files, or None where all of them are to be read at once.

    Raises:
        DataError: They cannot be read piece by piece, or a mistake in them.
    """
    if data.streaming is False:
        return None
    kind = None if data.kind == "auto" else data.kind
    suffixes = {name: reader.suffixes for name, reader in READERS.items()}
    named = find_files(paths, kind, base, suffixes)
    other = next(((path, found) for path, found in named if found != "hdf5"), None)
    if other is not None:
        if data.streaming is None:
            return None
        raise DataError(
            f"{other[0]}: data.streaming=true reads panna_exp's HDF5 alone, this is {other[1]}: "
            "make such a file (panna-exp convert IN OUT.h5), or leave data.streaming out"
        )
    size = sum(path.stat().st_size for path, _ in named)
    if data.streaming is None and size <= data.memory_gb * 1e9:
        return None
    parts = [Hdf5Stream(path, species, derivatives, data.sparse_derivatives) for path, _ in named]
    logger.info(
        "%.3g GB of data are read piece by piece, in windows of %g MB (data.window_mb)",
        size / 1e9,
        data.window_mb,
    )
    return Opened(source=ChainedStream(parts), files=[part.record() for part in parts])


def window_bytes(data: DataConfig) -> float:
    """Returns the size of a window in memory."""
    return math.floor(data.window_mb * 1e6)
