"""Writing files so that a crash or a full disk never leaves half of one."""

import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import IO

_PART = re.compile(r"\.(.+)\.[a-z0-9_]{8}\.part")
_FLUSH_SECONDS = 0.03  # a few megabytes of what is written fastest
_open_parts: set[Path] = set()


def write_atomic(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Writes ``path`` with :func:`replacing`.

    Args:
        path: The file to create or replace.
        write: Called with the open binary file.

    Raises:
        OSError: The disk is full or the folder cannot be written; ``path`` is then unchanged.
    """
    with replacing(path) as part, part.open("wb") as file:
        write(file)


@contextmanager
def flushed_meanwhile(path: Path) -> Iterator[None]:
    """Sends a growing file to the disk while the block writes it: less to wait for afterwards.

    Raises:
        OSError: The disk is full or failed; what the block raises comes first.
    """
    with path.open("rb") as file, ThreadPoolExecutor(1) as pool:
        ended = Event()
        flushing = pool.submit(_flush_until, ended, file.fileno())
        try:
            yield
        finally:
            ended.set()
        flushing.result()


def _flush_until(ended: Event, descriptor: int) -> None:
    while not ended.wait(_FLUSH_SECONDS):
        os.fsync(descriptor)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary file in the same folder; afterwards it is flushed and renamed to ``path``.

    Where the block raises, ``path`` is unchanged and the temporary file is gone.

    Raises:
        OSError: The disk is full or the folder cannot be written; ``path`` is then unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    _open_parts.add(part)
    try:
        yield part
        with part.open("r+b") as written:
            os.fsync(written.fileno())
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        _open_parts.discard(part)
    sync_folder(path.parent)


def discard_parts() -> None:
    """Removes the files that this process has half written, as it is about to end."""
    for part in list(_open_parts):
        part.unlink(missing_ok=True)


def remove_parts(folder: Path, names: Collection[str]) -> None:
    """Removes what processes that were killed have left half written of files of these names."""
    for path in folder.glob(".*.part"):
        left = _PART.fullmatch(path.name)
        if left and left[1] in names and path.is_file():
            path.unlink(missing_ok=True)


def write_text_atomic(path: Path, text: str) -> None:
    """Writes ``text`` as UTF-8 with :func:`write_atomic`."""
    write_atomic(path, lambda file: file.write(text.encode()))


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def sync_folder(folder: Path) -> None:
    """Flushes the entries of ``folder``, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
