"""From files of one kind to a set with a species list of its own; the work of convert."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from panna_exp.data.structures import StructureSet
from panna_exp.elements import SYMBOLS, Species
from panna_exp.errors import ConfigError, DataError
from panna_exp.readers import READERS, ReadOptions, find_files, open_structures
from panna_exp.readers.contents import DERIVATIVES, stored_parts

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What was read.

    Args:
        structures: All structures.
        species: Their species list.
        notes: What the files have that was not read, one sentence each.
        unread: Those of ``readers.contents`` that all files have and nobody asked for.
        kind: Format of the files.
    """

    structures: StructureSet
    species: Species
    notes: list[str]
    unread: list[str]
    kind: str


def read_any(source: Source, progress: Progress | None = None) -> Converted:
    """Reads files whose species need not be known.

    Derivatives are read where they are asked for and all files have them.

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
    options, notes, unread = _with_stored(source.options, files)
    wanted = source.species or own
    loaded = open_structures(
        source.paths,
        wanted or Species(SYMBOLS),
        kind=source.kind,
        base=source.base,
        options=options,
        progress=progress,
    )
    structures = loaded.structures
    if wanted is None:
        structures, species = _with_used_species(structures)
        return Converted(
            structures=structures, species=species, notes=notes, unread=unread, kind=files[0][1]
        )
    if structures.descriptors is not None and own is not None and own != wanted:
        raise DataError(
            f"{files[0][0]}: its descriptors are those of the species list [{', '.join(own)}], "
            f"not of [{', '.join(wanted)}]: leave --species out"
        )
    return Converted(
        structures=structures, species=wanted, notes=notes, unread=unread, kind=files[0][1]
    )


def _with_stored(
    options: ReadOptions, files: Sequence[tuple[Path, str]]
) -> tuple[ReadOptions, list[str], list[str]]:
    """Returns the options for what files have, notes on what some have, and what all have unread.

    A few files without derivatives are no reason to refuse the rest of what there is.
    """
    counts = Counter(part for path, kind in files for part in stored_parts(path, kind))
    notes, unread = [], []
    for part, count in sorted(counts.items()):
        if count < len(files):
            notes.append(f"not read: {part}, which only {count} of {len(files)} files have")
        elif part != DERIVATIVES or not options.derivatives:
            unread.append(part)
    has = counts[DERIVATIVES] == len(files)
    return replace(options, derivatives=options.derivatives and has), notes, unread


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
