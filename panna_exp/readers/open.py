"""Opens data of any kind: one reader per format, by kind or suffix."""

import hashlib
import importlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.data.structures import StructureSet
from panna_exp.elements import SYMBOLS, Species
from panna_exp.errors import DataError
from panna_exp.readers.files import FileRecord, find_files, sha256_of
from panna_exp.readers.options import ReadOptions

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reader:
    """One format; its module is imported when a file of it is read.

    Args:
        module: Has ``read(path, species) -> StructureSet``, with the options as third argument
            where it takes any.
        suffixes: Of its files.
        summary: What it is.
        takes: The fields of ReadOptions that mean something for it.
    """

    module: str
    suffixes: tuple[str, ...]
    summary: str
    takes: tuple[str, ...] = ()

    def read(self, path: Path, species: Species, options: ReadOptions) -> StructureSet:
        """Reads one file."""
        options.refuse_others(self.takes, str(path), self.summary)
        read = importlib.import_module(f"panna_exp.readers.{self.module}").read
        structures = read(path, species, options) if self.takes else read(path, species)
        assert isinstance(structures, StructureSet)
        return structures


_ALL = (
    *("energy_key", "forces_key", "energy_unit", "length_unit"),
    *("forces_unit", "forces_sign", "zero_forces"),
)
_STRESS = ("stress_key", "virial_key", "stress_unit")
READERS = {
    "tfrecord": Reader("tfrecord", (".tfrecord",), "PANNA's TFRecords", ("zero_forces",)),
    "example": Reader("example_json", (".example",), "PANNA's structures, JSON", ("zero_forces",)),
    "hdf5": Reader("hdf5", (".h5", ".hdf5"), "panna_exp's HDF5", ("derivatives",)),
    "bin": Reader(
        "bin_files", (".bin",), "PANNA's descriptors, one structure per file", ("derivatives",)
    ),
    "ase": Reader(
        "ase_files", (".xyz", ".extxyz", ".traj", ".db"), "files that ASE reads", _ALL + _STRESS
    ),
    "npz": Reader("npz", (".npz",), "NumPy archives as of sGDML and MD17", _ALL),
    # By name only: their suffixes are those of our own files.
    "ani": Reader("ani_hdf5", (".h5", ".hdf5"), "ANI-style HDF5 (name it)", _ALL),
    "spice": Reader("spice_hdf5", (".h5", ".hdf5"), "SPICE-style HDF5 (name it)", _ALL),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A data set as read.

    Args:
        structures: All structures of all files.
        files: What was read.
        fingerprint: Hash over kinds, contents, record counts and the options that were given; not
            of where the files lie.
    """

    structures: StructureSet
    files: list[FileRecord]
    fingerprint: str

    def of(self, species: Species) -> "Loaded | None":
        """Returns a set that was read with all elements as one of a species list.

        None where a structure has another species, which reading again names.
        """
        places = {symbol: place for place, symbol in enumerate(species)}
        known = np.array([places.get(symbol, -1) for symbol in SYMBOLS])
        indices = known[self.structures.species]
        if (indices < 0).any():
            return None
        return replace(self, structures=replace(self.structures, species=indices))


def open_structures(
    paths: Sequence[str],
    species: Species,
    kind: str | None = None,
    base: Path | None = None,
    options: ReadOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Loaded:
    """Reads files, folders or globs into one set.

    Args:
        paths: See :func:`panna_exp.readers.files.find_files`.
        species: The species list; symbols outside it are an error.
        kind: The format, or None to go by suffix.
        base: Folder that relative paths start from (default: the working directory).
        options: Keys and units that the files do not say.
        progress: Called with (done, all) files.

    Raises:
        DataError: Names file, record and cause.
    """
    chosen = options or ReadOptions()
    parts: list[StructureSet] = []
    files: list[FileRecord] = []
    named = files_named(paths, kind, base or Path.cwd())
    for number, (path, found) in enumerate(named, start=1):
        part, sha256 = _read(path, found, species, chosen)
        if progress is not None:
            progress(number, len(named))
        parts.append(part)
        files.append(FileRecord(path=path, kind=found, num_records=len(part), sha256=sha256))
    _check_descriptors(files, [part.descriptor_info for part in parts])
    parts = [part.with_derivatives_as(chosen.sparse_derivatives) for part in parts]
    structures = StructureSet.concatenate(parts)
    for path, times in Counter(file.path.resolve() for file in files).items():
        if times > 1:
            logger.warning("%s is named %d times: its structures count as often", path, times)
    if structures.zero_forces:
        logger.warning(
            "the forces of %d of %d structures are all exactly zero and count as missing, first %s",
            len(structures.zero_forces),
            len(structures),
            structures.zero_forces[0],
        )
    lines = [f"{file.kind} {file.num_records} {file.sha256}" for file in files]
    lines += [f"{name} {getattr(chosen, name)}" for name in chosen.given()]
    text = "\n".join(lines)
    return Loaded(
        structures=structures,
        files=files,
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
    )


def files_named(paths: Sequence[str], kind: str | None, base: Path) -> list[tuple[Path, str]]:
    """Returns the files that :func:`open_structures` would read, with their kinds (DataError)."""
    suffixes = {name: reader.suffixes for name, reader in READERS.items()}
    return find_files(paths, kind, base, suffixes)


def _read(
    path: Path, kind: str, species: Species, options: ReadOptions
) -> tuple[StructureSet, str]:
    """Returns the structures of a file and its hash."""
    try:
        return READERS[kind].read(path, species, options), sha256_of(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _check_descriptors(files: Sequence[FileRecord], infos: Sequence[dict[str, Any] | None]) -> None:
    """Raises DataError unless all files say the same about what made their descriptors."""
    first = infos[0]
    for file, info in zip(files, infos, strict=True):
        if info == first:
            continue
        if info is None or first is None:
            cause = f"only {'the latter' if info is None else 'the former'} says what made them"
        else:
            missing = "missing"
            key = next(k for k in (*info, *first) if info.get(k, missing) != first.get(k, missing))
            cause = f"{key} is {info.get(key, missing)!r}, not {first.get(key, missing)!r}"
        raise DataError(
            f"{file.path}: its descriptors are not those of {files[0].path} ({cause}): "
            "name files that were made alike"
        )
