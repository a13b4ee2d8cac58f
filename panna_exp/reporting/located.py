"""Finds the structures of an evaluation in the data files that the run's record names.

The .dat files have names and energies only; composition and positions are in the data. Nothing says
which data an evaluation was made on, so that a structure counts as found where name, number of
atoms and energy agree.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.data.structures import Floats, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import PannaExpError
from panna_exp.readers import READERS, ReadOptions, open_structures
from panna_exp.readers.files import BUILTIN
from panna_exp.reporting.data_files import DataFile, data_files
from panna_exp.reporting.evaluations import Evaluation
from panna_exp.reporting.run import Run

logger = logging.getLogger(__name__)

# Reading more than this for a few pictures is not worth the wait.
MOST_RECORDS = 300_000
# PANNA 1.x prints energies as float32.
_RELATIVE = 2e-7
NO_NAMES = ("NA", "N.A.")


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
    """What is known of the S structures of an evaluation.

    Args:
        found: By the structure's number, less those that are in no file.
        notes: Why some are not found, a sentence each.
    """

    found: dict[int, Found] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def locate(run: Run, evaluation: Evaluation, extra: Sequence[str] = ()) -> Located:
    """Looks for an evaluation's structures, in the validation data first.

    Args:
        run: Names data files and species.
        evaluation: S structures.
        extra: More files, folders or globs, searched first.

    Raises:
        DataError: The record is damaged.
    """
    data = run.group("config", "data")
    species = Species(species_of(run))
    if not len(species):
        return Located(notes=["The record names no species."])
    located = Located()
    missing = set(range(len(evaluation.names)))
    for path, kind, records in _sources(run, extra):
        if not missing:
            break
        if records > MOST_RECORDS:
            located.notes.append(f"{path} was not searched: it has {records} structures.")
            continue
        if kind is not None and kind not in READERS:
            located.notes.append(f"{path} was not searched: its format is unknown, '{kind}'.")
            continue
        try:
            # A format refuses the choices that mean nothing for it; extra files are ours to guess.
            options = _options(data) if kind is not None else ReadOptions()
            structures = open_structures([path], species, kind, Path.cwd(), options).structures
        except (PannaExpError, OSError) as error:
            located.notes.append(f"Data that cannot be read: {error}.")
            continue
        _match(evaluation, structures, species, missing, located)
    if missing:
        located.notes.append(
            f"{len(missing)} of {len(evaluation.names)} structures are not in the data files of "
            "the run's record: --data PATH names others."
        )
    return located


def species_of(run: Run) -> tuple[str, ...]:
    """Returns the symbols of the run's species list, none where the record has no such list."""
    symbols = run.group("config", "data").get("species")
    return tuple(str(symbol) for symbol in symbols) if isinstance(symbols, list) else ()


def counts(located: Located, evaluation: Evaluation, species: Sequence[str]) -> Floats | None:
    """Returns [S, T] atoms of each species, None unless all structures are found."""
    if len(located.found) < len(evaluation.names):
        return None
    table = np.zeros((len(evaluation.names), len(species)))
    for row, item in located.found.items():
        for symbol in item.symbols:
            table[row, species.index(symbol)] += 1
    return table


def _sources(run: Run, extra: Sequence[str]) -> Iterator[tuple[str, str | None, int]]:
    """Yields (path, kind, structures) of what to search."""
    for path in extra:
        yield path, None, 0
    seen = set()
    for part in ("validation", "train"):
        for file in data_files(run, part):
            if file.path not in seen:
                seen.add(file.path)
                yield _present(file), file.kind, file.records


def _present(file: DataFile) -> str:
    """Returns where the file is: the data that ship lie elsewhere on another machine."""
    if Path(file.path).exists() or Path(file.path).parent.name != "datasets":
        return file.path
    return f"{BUILTIN}{Path(file.path).name}"


def _options(data: Any) -> ReadOptions:
    names = ("energy_key", "forces_key", "energy_unit", "length_unit", "zero_forces")
    return ReadOptions(**{name: data.get(name) for name in names})


def _match(
    evaluation: Evaluation,
    structures: StructureSet,
    species: Species,
    missing: set[int],
    located: Located,
) -> None:
    """Moves structures that are in the set from ``missing`` to ``located``."""
    keys = _keys([_dat_name(name) for name in structures.names], structures.num_atoms.tolist())
    groups = {key: np.array(rows) for key, rows in keys.items()}
    for key, rows in groups.items():
        groups[key] = rows[np.argsort(structures.energy[rows], kind="stable")]
    wanted = list(zip(map(_dat_name, evaluation.names), evaluation.num_atoms.tolist(), strict=True))
    for row in sorted(missing):
        candidates = groups.get(wanted[row])
        index = _nearest(structures.energy, candidates, float(evaluation.reference[row]))
        if index is not None:
            missing.discard(row)
            located.found[row] = _found(structures, index, species)


def _keys(names: list[str], sizes: list[int]) -> dict[tuple[str, int], list[int]]:
    found: dict[tuple[str, int], list[int]] = {}
    for index, key in enumerate(zip(names, sizes, strict=True)):
        found.setdefault(key, []).append(index)
    return found


def _dat_name(name: str) -> str:
    """Returns a name as .dat files write it, empty for none."""
    joined = "_".join(name.split())
    return "" if joined in NO_NAMES else joined


def _nearest(energies: Floats, candidates: Any, wanted: float) -> int | None:
    """Returns the candidate, of those sorted by energy, whose energy is the wanted one."""
    if candidates is None:
        return None
    values = energies[candidates]
    at = int(np.searchsorted(values, wanted))
    near = [index for index in (at - 1, at) if 0 <= index < len(values)]
    best = min(near, key=lambda index: abs(values[index] - wanted))
    close = abs(values[best] - wanted) <= _RELATIVE * abs(wanted)
    return int(candidates[best]) if close else None


def _found(structures: StructureSet, index: int, species: Species) -> Found:
    atoms = slice(int(structures.offsets[index]), int(structures.offsets[index + 1]))
    return Found(
        origin=structures.origins[index],
        symbols=tuple(species.symbols[number] for number in structures.species[atoms]),
        positions=None if structures.positions is None else structures.positions[atoms],
        cell=structures.cell[index],
    )
