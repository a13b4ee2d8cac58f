"""Opening HDF5 files, and what can go wrong in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from panna_exp.errors import DataError

# What h5py raises for damaged files, depending on where the damage is.
H5PY_ERRORS = (OSError, KeyError, ValueError, TypeError, RuntimeError, OverflowError, MemoryError)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Gives the file to read; what h5py raises while it is read is a DataError, too."""
    with opened_file(path) as file, checked(path):
        yield file


def opened_file(path: Path, **options: Any) -> Any:
    """Opens a file to read.

    Args:
        path: The file.
        options: Of h5py.File.

    Raises:
        DataError: There is none, or it is not HDF5.
    """
    try:
        return h5py.File(path, "r", **options)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except H5PY_ERRORS as error:
        raise DataError(f"{path}: is not a readable HDF5 file ({_reason(error)})") from None


@contextmanager
def checked(path: Path) -> Iterator[None]:
    """What h5py raises for a damaged file becomes a DataError."""
    try:
        yield
    except H5PY_ERRORS as error:
        raise DataError(f"{path}: is damaged or incomplete ({_reason(error)})") from None


def groups_with(file: Any, key: str) -> list[Any]:
    """Returns the groups, however deep and in order, that have a data set ``key``."""
    found = [file] if _has(file, key) else []

    def visit(_: str, item: Any) -> None:
        if isinstance(item, h5py.Group) and _has(item, key):
            found.append(item)

    file.visititems(visit)
    return found


def _has(group: Any, key: str) -> bool:
    """Whether a data set is there, not in another file that a link names."""
    linked = group.get(key, getlink=True)
    return isinstance(linked, h5py.HardLink) and isinstance(group[key], h5py.Dataset)


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
