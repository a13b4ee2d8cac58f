"""Data sets of any size as pieces of some thousand atoms, one at a time.

Panna_exp's own HDF5 is read piece by piece; of other formats, a file at a time is in memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from panna_exp.assembly.datasets import as_paths, read_options, reader_kind
from panna_exp.config.schema import DataConfig
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.rows import chunks
from panna_exp.elements import Species
from panna_exp.readers import READERS, ReadOptions, find_files, open_structures
from panna_exp.readers.streams import Hdf5Stream

Progress = Callable[[int, int], None]

PIECE_ATOMS = 4_096


def read_pieces(
    data: DataConfig, species: Species, base: Path, progress: Progress
) -> Iterator[StructureSet]:
    """Yields the structures of ``data.train`` in order, without derivatives.

    Args:
        data: What to read, with its keys and units.
        species: The species list.
        base: Folder that relative paths start from.
        progress: Called with what was read and all, in parts of the data.

    Raises:
        DataError: Names file, record and cause.
    """
    parts = _parts(data, species, base)
    waiting: list[StructureSet] = []
    for number, part in enumerate(parts, start=1):
        waiting.append(part())
        if sum(int(item.offsets[-1]) for item in waiting) >= PIECE_ATOMS or number == len(parts):
            yield from _cut(StructureSet.concatenate(waiting))
            waiting = []
        progress(number, len(parts))


def _parts(data: DataConfig, species: Species, base: Path) -> list[Callable[[], StructureSet]]:
    suffixes = {name: reader.suffixes for name, reader in READERS.items()}
    files = find_files(as_paths(data.train), reader_kind(data), base, suffixes)
    parts: list[Callable[[], StructureSet]] = []
    for path, kind in files:
        if kind == "hdf5":
            stream = Hdf5Stream(path, species, derivatives=False, sparse=None)
            parts += [
                partial(stream.read, np.arange(some.start, some.stop))
                for some, _ in chunks(stream.index.offsets, PIECE_ATOMS)
            ]
        else:
            parts.append(partial(_read, path, kind, species, _options(data, kind)))
    return parts


def _options(data: DataConfig, kind: str) -> ReadOptions:
    """What the user says; whether zero forces are forces does not matter for descriptors."""
    options = read_options(data)
    if "zero_forces" in READERS[kind].takes:
        return replace(options, zero_forces="keep")
    return options


def _read(path: Path, kind: str, species: Species, options: ReadOptions) -> StructureSet:
    return open_structures([str(path)], species, kind=kind, options=options).structures


def _cut(structures: StructureSet) -> Iterator[StructureSet]:
    if int(structures.offsets[-1]) <= 2 * PIECE_ATOMS:
        yield structures
        return
    for some, _ in chunks(structures.offsets, PIECE_ATOMS):
        yield structures.select(np.arange(some.start, some.stop))
