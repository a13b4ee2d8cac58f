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
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except H5PY_ERRORS as error:
        raise DataError(f"{path}: is not a readable HDF5 file ({_reason(error)})") from None
    with file:
        try:
            yield file
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
