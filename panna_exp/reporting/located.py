"""Reads structures of an evaluation from the data files that the evaluation itself names.

A file is used only where its content is what was evaluated, by its hash; nothing is guessed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from panna_exp.data.structures import Floats, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError, PannaExpError
from panna_exp.evaluation.evaluated_data import EvaluatedData
from panna_exp.readers import READERS, ReadOptions, open_structures
from panna_exp.readers.files import BUILTIN, FileRecord, find_files, sha256_of

# Reading more than this for a few pictures is not worth the wait.
MOST_RECORDS = 300_000
_KEPT = 4  # files with their structures: runs side by side mostly have the same data


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One structure of an evaluation in the data.

    Args:
        origin: File and record.
        symbols: Of its A atoms.
        positions: [A, 3] (angstrom), or None where the data have descriptors only.
        cell: [3, 3] lattice vectors as rows, zero rows where not periodic.
    """

    origin: str
    symbols: tuple[str, ...]
    positions: Floats | None
    cell: Floats


@dataclass(slots=True)
class Located:
    """What is known of some structures of an evaluation.

    Args:
        found: By the structure's number in the evaluation, less those that could not be read.
        notes: Why some could not, a sentence each.
    """

    found: dict[int, Found] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def locate(data: EvaluatedData, rows: Sequence[int], extra: Sequence[str] = ()) -> Located:
    """Reads structures.

    Args:
        data: What was evaluated.
        rows: Numbers of the structures in the evaluation.
        extra: More files, folders or globs, where files may be that are no longer where they were.
    """
    located = Located()
    species = Species(data.species)
    reading = tuple(sorted(data.reading.items()))
    for row in rows:
        file, record = data.place(row)
        try:
            path = _present(file, tuple(extra))
            structures = _structures(path, file, species, reading)
        except (PannaExpError, OSError, TypeError) as error:
            note = f"No picture where data cannot be read: {error}."
            if note not in located.notes:
                located.notes.append(note)
            continue
        located.found[row] = _found(structures, record, species)
    return located


@lru_cache(maxsize=64)
def _present(file: FileRecord, extra: tuple[str, ...]) -> str:
    """Returns where a file of that content is.

    Raises:
        DataError: Nowhere, or it has too many structures.
    """
    if file.num_records > MOST_RECORDS:
        raise DataError(f"{file.path} has {file.num_records} structures")
    if file.kind not in READERS:
        raise DataError(f"{file.path}: its format is unknown, '{file.kind}'")
    suffixes = {name: reader.suffixes for name, reader in READERS.items()}
    places = [file.path]
    if places[0].parent.name == "datasets":  # those that ship lie elsewhere on another machine
        places.append(find_files([f"{BUILTIN}{places[0].name}"], None, Path.cwd(), suffixes)[0][0])
    if extra:
        places += [path for path, _ in find_files(extra, file.kind, Path.cwd(), suffixes)]
    there = [path for path in places if path.is_file()]
    for path in there:
        if sha256_of(path) == file.sha256:
            return str(path)
    what = "was changed after it was evaluated" if there else "is not there any more"
    raise DataError(f"{file.path} {what}: --data PATH names where the same file is")


@lru_cache(maxsize=_KEPT)
def _structures(
    path: str, file: FileRecord, species: Species, reading: tuple[tuple[str, Any], ...]
) -> StructureSet:
    options = ReadOptions(**dict(reading))
    return open_structures([path], species, file.kind, Path.cwd(), options).structures


def _found(structures: StructureSet, index: int, species: Species) -> Found:
    atoms = slice(int(structures.offsets[index]), int(structures.offsets[index + 1]))
    return Found(
        origin=structures.origins[index],
        symbols=tuple(species.symbols[number] for number in structures.species[atoms]),
        positions=None if structures.positions is None else structures.positions[atoms],
        cell=structures.cell[index],
    )
