"""Writes data of any kind: one writer per format, whole or not at all."""

import importlib
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.files import replacing, sync_path

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Writer:
    """One format.

    Args:
        module: Has ``write(path, structures, species, progress)``, which may return a note.
        suffixes: Of its files; the first is the usual one.
        summary: What it is.
        keeps: Those of positions, cell, forces, force_mask (forces of some atoms only), virials,
            descriptors, derivatives, name, config_type, weights, trajectory that it stores.
        is_folder: Whether it is a folder of files.
    """

    module: str
    suffixes: tuple[str, ...]
    summary: str
    keeps: frozenset[str]
    is_folder: bool = False


_STRUCTURE = frozenset({"positions", "cell", "forces", "name"})
_LABELS = frozenset({"force_mask", "virials", "config_type", "weights", "trajectory"})
_MOLECULE = frozenset({"positions", "forces", "force_mask"})
WRITERS = {
    "example": Writer(
        "example_json", (".example",), "a folder of PANNA's structures, JSON", _STRUCTURE, True
    ),
    "extxyz": Writer("extxyz", (".xyz", ".extxyz"), "extended XYZ", _STRUCTURE | _LABELS),
    "hdf5": Writer(
        "hdf5",
        (".h5", ".hdf5"),
        "panna_exp's HDF5",
        _STRUCTURE | _LABELS | {"descriptors", "derivatives"},
    ),
    "tfrecord": Writer(
        "tfrecord",
        (".tfrecord",),
        "PANNA's TFRecords",
        frozenset({"forces", "descriptors", "derivatives", "name"}),
    ),
    "npz": Writer("npz", (".npz",), "a NumPy archive as of sGDML", _STRUCTURE | {"force_mask"}),
    # By name only: their suffixes are those of our own files.
    "ani": Writer("ani_hdf5", (".h5", ".hdf5"), "ANI-style HDF5 (name it)", _MOLECULE),
    "spice": Writer("spice_hdf5", (".h5", ".hdf5"), "SPICE-style HDF5 (name it)", _MOLECULE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What was written.

    Args:
        path: File or folder.
        notes: What the format does not keep, one sentence each.
    """

    path: Path
    notes: list[str]


def save_structures(
    path: Path,
    structures: StructureSet,
    species: Species,
    kind: str,
    progress: Progress | None = None,
    unread: Collection[str] = (),
) -> Saved:
    """Writes a file or a folder that the reader of its kind takes.

    Args:
        path: What to create; an existing file is replaced, and a folder if it has only files of
            this kind.
        structures: What to write.
        species: Symbols of its species indices.
        kind: Key of WRITERS.
        progress: Called with (done, all) structures.
        unread: What else the source has, to be named as not kept.

    Raises:
        DataError: The structures lack what the format needs, or the folder has other files.
        OSError: The folder cannot be written, or the disk is full; what was there is unchanged.
    """
    writer = WRITERS[kind]
    write: Callable[[Path, StructureSet, Species, Progress], str | None]
    write = importlib.import_module(f"panna_exp.writers.{writer.module}").write
    written = structures if "force_mask" in writer.keeps else structures.without_partial_forces()
    with _folder(path, writer) if writer.is_folder else replacing(path) as part:
        note = write(part, written, species, progress or _silent)
    return Saved(path=path, notes=[*_lost(structures, writer, unread), *([note] if note else [])])


def check_folder(path: Path, writer: Writer) -> None:
    """Raises DataError where a folder has anything but files of the writer's kind."""
    if not path.is_dir():
        return
    for item in sorted(path.iterdir()):
        if item.is_dir() or item.suffix not in writer.suffixes:
            raise DataError(
                f"{path}: is a folder with other files ({item.name}), which replacing it would "
                "delete: name another folder"
            )


@contextmanager
def _folder(path: Path, writer: Writer) -> Iterator[Path]:
    """Gives a new folder beside ``path``, which takes its place once it is complete."""
    check_folder(path, writer)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    old = part.with_suffix(".old")
    try:
        part.chmod(0o755)
        yield part
        if path.exists():
            path.rename(old)
        part.rename(path)
    except BaseException:
        if old.exists() and not path.exists():
            old.rename(path)
        shutil.rmtree(part, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
    sync_path(path.parent)


def _lost(structures: StructureSet, writer: Writer, unread: Collection[str]) -> list[str]:
    has = {
        "positions": structures.positions is not None,
        "cell": bool(structures.pbc.any()),
        "forces": structures.forces is not None,
        "virials": structures.virial is not None,
        "descriptors": structures.descriptors is not None,
        "derivatives": structures.derivatives is not None,
        "name": any(structures.names),
        "config_type": len(structures.config_types) > 0,
        "weights": structures.weights is not None,
        "trajectory": len(structures.trajectories) > 0,
    }
    partial = len(structures.partial_forces)
    has[f"forces of {partial} structures where some atoms have none"] = (
        partial > 0 and "force_mask" not in writer.keeps
    )
    lost = [name for name, there in has.items() if there and name not in writer.keeps]
    lost += [name for name in unread if name not in lost]
    return [f"not kept in {writer.summary}: {', '.join(lost)}"] if lost else []


def _silent(done: int, total: int) -> None:
    pass
