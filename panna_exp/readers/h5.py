"""Opening HDF5 files, and what can go wrong in them.

Nothing outside of a file is read: links, virtual data sets and external storage are refused by
name. No data set is read that would take far more memory than the file has of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from panna_exp.errors import DataError
from panna_exp.readers.h5_trial import refuse_deadly

# What h5py raises for damaged files, depending on where the damage is.
H5PY_ERRORS = (
    *(OSError, KeyError, ValueError, TypeError, RuntimeError, OverflowError, MemoryError),
    *(AttributeError, IndexError, RecursionError),
)
# Compression makes a tenth of real numbers, and a thousandth of zeros at most.
_MOST_TIMES, _HARMLESS = 200, 2**28


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
        DataError: There is none, it is not HDF5, so damaged that reading it would end the process,
            or it has links to other places.
    """
    try:
        refuse_deadly(path)
        file = h5py.File(path, "r", **options)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except H5PY_ERRORS as error:
        raise DataError(f"{path}: is not a readable HDF5 file ({_reason(error)})") from None
    try:
        with checked(path):
            _refuse_links(file, path)
    except BaseException:
        file.close()
        raise
    return file


@contextmanager
def checked(path: Path) -> Iterator[None]:
    """What h5py raises for a damaged file becomes a DataError."""
    try:
        yield
    except H5PY_ERRORS as error:
        raise DataError(f"{path}: is damaged or incomplete ({_reason(error)})") from None


def dataset(group: Any, key: str, where: str | Path) -> Any:
    """Returns a data set that lies in the file itself, None if there is nothing of that name.

    Args:
        group: Open h5py group or file.
        key: Name.
        where: For messages.

    Raises:
        DataError: It is a group, takes its numbers from other files, or would fill the memory.
    """
    if key not in group:
        return None
    found = group[key]
    if not isinstance(found, h5py.Dataset):
        raise DataError(f"{where}: '{key}' is a group, expected a data set")
    if found.is_virtual or found.external:
        raise DataError(
            f"{where}: '{key}' takes its numbers from other files (a virtual data set or external "
            "storage), which is not followed: copy the numbers into the file (h5repack)"
        )
    size, stored = (
        found.size * found.dtype.itemsize if found.size else 0,
        found.id.get_storage_size(),
    )
    if size > max(_HARMLESS, _MOST_TIMES * stored):
        raise DataError(
            f"{where}: '{key}' has the shape {found.shape}, {size / 1e9:.3g} GB, but the file has "
            f"{stored} bytes of it: it is damaged"
        )
    return found


def groups_with(file: Any, key: str) -> list[Any]:
    """Returns the groups, however deep and in order, that have a data set ``key``."""
    found = [file] if _has(file, key) else []

    def visit(_: str, item: Any) -> None:
        if isinstance(item, h5py.Group) and _has(item, key):
            found.append(item)

    file.visititems(visit)
    return found


def _has(group: Any, key: str) -> bool:
    return key in group and isinstance(group[key], h5py.Dataset)


def _refuse_links(file: Any, path: Path) -> None:
    """Raises DataError for links to other files, or to other places of this one."""

    def look(name: bytes, info: Any) -> tuple[bytes, int] | None:
        return None if info.type == h5py.h5l.TYPE_HARD else (name, info.type)

    found = file.id.links.visit(look, info=True)
    if found is not None:
        name = found[0].decode(errors="backslashreplace")
        outside = found[1] == h5py.h5l.TYPE_EXTERNAL
        raise DataError(
            f"{path}: {name!r} is a link to {'another file' if outside else 'another name'}, "
            "which is not followed: copy what it stands for into the file (h5copy)"
        )


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
