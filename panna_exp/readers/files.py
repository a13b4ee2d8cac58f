"""From what the user names (files, folders, globs) to files and their kinds."""

import glob
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from panna_exp.errors import DataError, closest

BUILTIN = "builtin:"
# Files that programs name themselves. In a folder they do not count as data: beside one another
# they are the same structures several times.
_NAMES = {"ase": ("*OUTCAR*", "*vasprun*.xml*", "*.pwo")}
_BUILTIN_FOLDER = Path(__file__).resolve().parent.parent / "datasets"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One file that was read.

    Args:
        path: Where it is.
        kind: Its format.
        num_records: Structures in it.
        sha256: Hash of its content.
    """

    path: Path
    kind: str
    num_records: int
    sha256: str

    def to_json(self) -> dict[str, str | int]:
        """Returns what records of runs and evaluations say of it."""
        return {
            "path": str(self.path),
            "kind": self.kind,
            "records": self.num_records,
            "sha256": self.sha256,
        }


def find_files(
    paths: Sequence[str], kind: str | None, base: Path, suffixes: Mapping[str, Sequence[str]]
) -> list[tuple[Path, str]]:
    """Returns files with their kinds, in the order named, folders and globs in natural order.

    Args:
        paths: Each a file, a folder (its files of known suffix, hidden ones left out), a glob of
            files or else of folders (``**``: however deep), or ``builtin:NAME``.
        kind: The format of all of them, or None to go by suffix.
        base: Folder that relative paths start from.
        suffixes: Suffixes of each kind.

    Raises:
        DataError: A path does not exist, a folder or glob gives nothing, or kinds are mixed.
    """
    if not paths:
        raise DataError("no data files are named")
    found: list[tuple[Path, str]] = []
    for text in paths:
        found += _expand(text, kind, base, suffixes)
    kinds = sorted({item[1] for item in found})
    if len(kinds) > 1:
        first = {name: next(path for path, k in found if k == name) for name in kinds}
        shown = ", ".join(f"{path} ({name})" for name, path in first.items())
        raise DataError(
            f"files of several kinds: {shown}: name one kind, or choose data.kind (--from)"
        )
    return found


def natural(path: Path) -> list[list[tuple[int, int, str]]]:
    """Sort key, folder by folder, by which train-2 comes before train-10."""
    return [
        [
            (0, int(part), "") if part.isdecimal() else (1, 0, part)
            for part in re.split(r"(\d+)", name)
        ]
        for name in path.parts
    ]


def sha256_of(path: Path) -> str:
    """Returns the hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _expand(
    text: str, kind: str | None, base: Path, suffixes: Mapping[str, Sequence[str]]
) -> list[tuple[Path, str]]:
    if text.startswith(BUILTIN):
        path = _BUILTIN_FOLDER / text.removeprefix(BUILTIN)
        return [(_existing(path), kind or _kind_of(path, suffixes))]
    path = base / os.path.expanduser(text)
    if path.is_dir():
        return _of_folder(path, kind, suffixes)
    if not path.exists() and glob.has_magic(text):
        return _of_pattern(text, kind, base, suffixes)
    return [(_existing(path), kind or _kind_of(path, suffixes))]


def _of_pattern(
    pattern: str, kind: str | None, base: Path, suffixes: Mapping[str, Sequence[str]]
) -> list[tuple[Path, str]]:
    names = glob.glob(os.path.expanduser(pattern), root_dir=base, recursive=True)
    matches = sorted((base / name for name in names), key=natural)
    if not matches:
        raise DataError(f"{pattern}: no file in {base} matches")
    files = [path for path in matches if not path.is_dir()]
    if files:
        return [(_existing(path), kind or _kind_of(path, suffixes)) for path in files]
    return [found for folder in matches for found in _of_folder(folder, kind, suffixes)]


def _of_folder(
    folder: Path, kind: str | None, suffixes: Mapping[str, Sequence[str]]
) -> list[tuple[Path, str]]:
    wanted = {kind: suffixes[kind]} if kind else suffixes
    known = list(dict.fromkeys(suffix for endings in wanted.values() for suffix in endings))
    items = sorted((path for path in folder.iterdir() if path.name[0] != "."), key=natural)
    files = [path for path in items if path.suffix in known and not path.is_dir()]
    if not files:
        held = f"it holds {_shown(items)}" if items else "it is empty"
        raise DataError(f"{folder}: no data files ({', '.join(known)}) in this directory: {held}")
    return [(_existing(path), kind or _kind_of(path, suffixes)) for path in files]


def _shown(paths: Sequence[Path], most: int = 5) -> str:
    """Names a few of many, folders with a slash."""
    names = [path.name + "/" * path.is_dir() for path in paths[:most]]
    return ", ".join(names) + (f" and {len(paths) - most} more" if len(paths) > most else "")


def _existing(path: Path) -> Path:
    if path.exists():
        return path
    if path.is_symlink():
        raise DataError(f"{path}: is a link to {os.readlink(path)}, which does not exist")
    missing = path
    while not missing.parent.exists():
        missing = missing.parent
    siblings = [item.name for item in missing.parent.iterdir()] if missing.parent.is_dir() else []
    place = "" if missing == path else f" '{missing.name}' in {missing.parent}"
    raise DataError(f"{path}: no such file or directory{place}{closest(missing.name, siblings)}")


def _kind_of(path: Path, suffixes: Mapping[str, Sequence[str]]) -> str:
    for kind, endings in suffixes.items():
        if path.suffix in endings:
            return kind
    for kind, patterns in _NAMES.items():
        if any(fnmatchcase(path.name, pattern) for pattern in patterns):
            return kind
    known = dict.fromkeys(ending for endings in suffixes.values() for ending in endings)
    raise DataError(
        f"{path}: unknown suffix '{path.suffix}', expected one of {', '.join(known)}: choose "
        "data.kind (--from), for instance ase for what ASE reads"
    )
