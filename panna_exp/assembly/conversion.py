"""From files of one kind to a set with a species list of its own; the work of convert."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from panna_exp.data.structures import StructureSet
from panna_exp.elements import SYMBOLS, Species
from panna_exp.errors import ConfigError, DataError
from panna_exp.readers import READERS, ReadOptions, find_files, open_structures

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What to read.

    Args:
        paths: Files, folders or globs.
        kind: Their format, None to go by suffix.
        species: The species list, None for that of the files.
        options: Keys and units.
        base: Folder that relative paths start from.
    """

    paths: Sequence[str]
    kind: str | None
    species: Species | None
    options: ReadOptions
    base: Path


def read_any(source: Source, progress: Progress | None = None) -> tuple[StructureSet, Species]:
    """Reads files whose species need not be known.

    The species list is, in this order of preference: the one that is given; that of HDF5 files;
    the symbols in the data, sorted.

    Raises:
        ConfigError: TFRecords have no symbols, and none are given.
        DataError: Names file, record and cause.
    """
    suffixes = {name: reader.suffixes for name, reader in READERS.items()}
    files = find_files(source.paths, source.kind, source.base, suffixes)
    if source.species is None:
        _check_symbols(files[0][1])
    own = _own_species(files)
    wanted = source.species or own
    loaded = open_structures(
        source.paths,
        wanted or Species(SYMBOLS),
        kind=source.kind,
        base=source.base,
        options=source.options,
        progress=progress,
    )
    structures = loaded.structures
    if wanted is None:
        return _with_used_species(structures)
    if structures.descriptors is not None and own is not None and own != wanted:
        raise DataError(
            f"{files[0][0]}: its descriptors are those of the species list [{', '.join(own)}], "
            f"not of [{', '.join(wanted)}]: leave --species out"
        )
    return structures, wanted


def _own_species(files: Sequence[tuple[Path, str]]) -> Species | None:
    """Returns the species list that files have themselves, None if they have none or several."""
    kind = files[0][1]
    if kind != "hdf5":
        return None
    from panna_exp.readers.hdf5 import read_symbols

    lists = {tuple(read_symbols(path)) for path, _ in files}
    return Species(lists.pop()) if len(lists) == 1 else None


def _check_symbols(kind: str) -> None:
    """Raises ConfigError for formats that have indices instead of symbols."""
    indexed = {"tfrecord": "TFRecords", "bin": ".bin files"}
    if kind in indexed:
        raise ConfigError(
            f"--species is missing: {indexed[kind]} have species indices, not symbols: name these "
            "in their order (PANNA: atomic_sequence), e.g. --species H,C,O,N"
        )


def _with_used_species(structures: StructureSet) -> tuple[StructureSet, Species]:
    """Returns the set with its indices, of the whole periodic table, in the sorted used symbols."""
    used = sorted(np.unique(structures.species).tolist(), key=lambda index: SYMBOLS[index])
    table = np.full(len(SYMBOLS), -1, dtype=np.int64)
    table[used] = np.arange(len(used))
    species = Species(tuple(SYMBOLS[index] for index in used))
    return replace(structures, species=table[structures.species]), species
