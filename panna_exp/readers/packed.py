"""Packed text files, which may unpack to a thousand times their size."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from panna_exp.errors import DataError

# Text of numbers is packed to a third or a tenth.
_MOST_TIMES, _HARMLESS = 100, 2**28
_BLOCK = 2**20
_OPENERS: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError)


def is_packed(path: Path) -> bool:
    """Whether a file is packed, by its suffix."""
    return path.suffix.lower() in _OPENERS


def check_unpacked(path: Path) -> None:
    """Unpacks a file block by block, without keeping it.

    Raises:
        DataError: It is damaged, or far larger than its size allows.
        OSError: It cannot be opened.
    """
    most, size = max(_HARMLESS, _MOST_TIMES * path.stat().st_size), 0
    path.open("rb").close()
    try:
        with _OPENERS[path.suffix.lower()](path) as file:
            while block := file.read(_BLOCK):
                size += len(block)
                if size > most:
                    break
    except _DAMAGED as error:
        raise DataError(f"{path}: cannot be unpacked: it is damaged ({error})") from None
    if size > most:
        raise DataError(
            f"{path}: unpacks to more than {most / 1e6:.0f} MB, over {_MOST_TIMES} times its size, "
            "which no data do: refused"
        )
