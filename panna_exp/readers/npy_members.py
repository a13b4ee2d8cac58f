"""The arrays of NumPy archives, looked at before memory is taken for them."""

from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.lib.npyio import NpzFile

from panna_exp.errors import DataError

# Deflate makes a thousandth at most, of zeros; of real numbers a tenth.
_MOST_TIMES, _HARMLESS = 200, 2**28


def check_names(archive: NpzFile) -> None:
    """Compares the names of members in the archive's directory with those before their data.

    Raises:
        zipfile.BadZipFile: They differ: a damaged name would hide an array.
    """
    assert archive.zip is not None
    for info in archive.zip.infolist():
        archive.zip.open(info).close()


def check_member(archive: NpzFile, name: str, path: Path) -> None:
    """Raises DataError for an array that pickle would have to read, or that cannot be so large.

    Args:
        archive: Opened with ``allow_pickle=False``.
        name: Of the array.
        path: For messages.
    """
    assert archive.zip is not None
    member = name if name in archive.zip.namelist() else f"{name}.npy"
    info = archive.zip.getinfo(member)
    with archive.zip.open(info) as file:
        version = npy.read_magic(file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise DataError(
            f"{path}: '{name}' holds Python objects, which could run code when they are read: save "
            "it as numbers or texts (numpy.savez of an array that is not of type object)"
        )
    size = int(np.prod([int(length) for length in shape], dtype=object)) * dtype.itemsize
    stored = info.compress_size
    if size > info.file_size or size > max(_HARMLESS, _MOST_TIMES * stored):
        raise DataError(
            f"{path}: '{name}' has the shape {shape}, {size / 1e9:.3g} GB, but the archive has "
            f"{stored} bytes of it: it is damaged"
        )
