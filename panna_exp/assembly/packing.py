"""Packs PANNA's .bin files into TFRecords that PANNA reads."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from panna_exp.config.schema.tools import PackConfig
from panna_exp.errors import DataError
from panna_exp.readers.files import natural
from panna_exp.readers.panna_bin import BinStructure, SparseDerivatives, read_bin
from panna_exp.readers.tf_derivatives import dense_features, sparse_features
from panna_exp.readers.tf_example import Feature, encode_example
from panna_exp.readers.tfrecord import write_records

Progress = Callable[[int, int], None]


def pack(config: PackConfig, base: Path, progress: Progress, as_panna: bool = False) -> list[Path]:
    """Writes ``PREFIX-i-n.tfrecord``, i from 1; returns their paths.

    Files of the prefix that are there are refused or, with ``force``, replaced: those beside the
    new ones would be the same structures once more.

    Args:
        config: Validated.
        base: Folder that relative paths start from.
        progress: Called with structures done and all.
        as_panna: Files of the same name are replaced whatever ``force`` is, others stay.

    Raises:
        DataError: No files, damaged ones, or parts that they do not have; or files are there.
        OSError: The folder cannot be written, or the disk is full; a file is whole or not there.
    """
    assert config.input_dir is not None
    assert config.output_dir is not None
    source = base / Path(config.input_dir).expanduser()
    if not source.is_dir():
        raise DataError(f"{source}: no such folder, expected one with PANNA's .bin files")
    files = sorted(source.glob("*.bin"), key=natural)
    if not files:
        raise DataError(f"{source}: has no .bin files; panna-exp descriptors format=bin makes them")
    size = config.structures_per_file
    chunks = [files[start : start + size] for start in range(0, len(files), size)]
    folder = base / Path(config.output_dir).expanduser()
    earlier = [] if as_panna else _of_prefix(folder, config.prefix)
    if earlier and not config.force:
        raise DataError(
            f"{earlier[0]}: exists already: force=true replaces it"
            + (f" and {len(earlier) - 1} more of {config.prefix}-*" if len(earlier) > 1 else "")
            + "; or choose another prefix or output_dir"
        )
    written = []
    for number, chunk in enumerate(chunks, start=1):
        path = folder / f"{config.prefix}-{number}-{len(chunks)}.tfrecord"
        path.parent.mkdir(parents=True, exist_ok=True)
        done = (number - 1) * size
        write_records(path, _records(chunk, config, progress, done, len(files)))
        written.append(path)
    for path in set(earlier) - set(written):
        path.unlink()
    return written


def _of_prefix(folder: Path, prefix: str) -> list[Path]:
    """Returns the files of earlier packings with the same prefix."""
    name = re.compile(re.escape(prefix) + r"-\d+-\d+\.tfrecord")
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted((path for path in found if name.fullmatch(path.name)), key=natural)


def _records(
    files: Sequence[Path], config: PackConfig, progress: Progress, done: int, total: int
) -> Iterator[bytes]:
    for index, path in enumerate(files, start=done + 1):
        yield encode_example(features(read_bin(path), path, config))
        progress(index, total)


def features(structure: BinStructure, path: Path, config: PackConfig) -> dict[str, Feature]:
    """Returns PANNA's features of one structure (DataError: a part is missing)."""
    if config.num_species is not None and structure.species.max() >= config.num_species:
        raise DataError(
            f"{path}: has the species index {structure.species.max()}, but num_species="
            f"{config.num_species}: correct it, or leave it out"
        )
    found: dict[str, Feature] = {
        "energy": np.array([structure.energy]),
        "species": structure.species.astype(np.int64),
        "gvects": structure.descriptors,
        "name": path.name.removesuffix(".bin").encode(),
    }
    if config.derivatives:
        found |= _derivatives(structure, path, config.sparse)
    if config.per_atom_quantity:
        if structure.per_atom is None:
            raise DataError(f"{path}: has no per-atom quantity: set per_atom_quantity=false")
        found["per_atom_quantity"] = structure.per_atom
    return found


def _derivatives(structure: BinStructure, path: Path, sparse: bool) -> dict[str, Feature]:
    stored = structure.derivatives
    if stored is None:
        raise DataError(f"{path}: has no derivatives: set derivatives=false, or compute them")
    is_sparse = isinstance(stored, SparseDerivatives)
    if is_sparse != sparse:
        kind = "sparse" if is_sparse else "dense"
        raise DataError(f"{path}: its derivatives are {kind}: set sparse={str(is_sparse).lower()}")
    found: dict[str, Feature] = {}
    if isinstance(stored, SparseDerivatives):
        found |= sparse_features(stored.values, stored.rows, stored.columns)
    else:
        found |= dense_features(stored)
    if structure.forces is not None:
        found["forces"] = structure.forces
    return found
