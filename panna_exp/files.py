"""Writing files so that a crash or a full disk never leaves half of one."""

import errno
import fcntl
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import IO, Any

from panna_exp.errors import ConfigError

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
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a write that finds no room does not say where
        raise
    finally:
        _open_parts.discard(part)
    sync_path(path.parent)


def discard_parts() -> None:
    """Removes the files that this process has half written, as it is about to end."""
    for part in list(_open_parts):
        part.unlink(missing_ok=True)


def remove_parts(folder: Path, names: Collection[str] | None = None) -> None:
    """Removes files and folders that processes which were killed have left half written.

    Args:
        folder: In which no other process writes files of these names.
        names: What they were to be; None: all.
    """
    for path in folder.glob(".*.part"):
        left = _PART.fullmatch(path.name)
        if not left or (names is not None and left[1] not in names):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def write_text_atomic(path: Path, text: str) -> None:
    """Writes ``text`` as UTF-8 with :func:`write_atomic`."""
    write_atomic(path, lambda file: file.write(text.encode()))


def open_own(path: Path, flags: int) -> int:
    """Opens a file that is our own by its name, and returns its descriptor.

    A folder may come from elsewhere: a link in it, under a name that we write to, would have us
    change another file of the user's.

    Args:
        path: Made if absent, where ``flags`` write.
        flags: Of ``os.open``: how it is used.

    Raises:
        OSError: It is a symbolic link or no plain file, or it cannot be opened.
    """
    made = 0 if flags & os.O_ACCMODE == os.O_RDONLY else os.O_CREAT
    # Without O_NONBLOCK a pipe would be waited for until somebody writes to it.
    careful = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, flags | made | careful, 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise OSError(
            errno.ELOOP,
            "is a symbolic link, expected a file of this program's: remove it",
            str(path),
        ) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "is not a plain file: remove it", str(path))
    return handle


def open_lock(path: Path) -> IO[bytes]:
    """Opens a file to be locked (``fcntl.flock``): made if absent, never emptied, no link followed.

    Raises:
        OSError: See :func:`open_own`.
    """
    return os.fdopen(open_own(path, os.O_RDWR), "r+b")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Within the block no other process has the lock ``path``; waits for it.

    Raises:
        OSError: See :func:`open_own`.
    """
    with open_lock(path) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def sync_path(path: Path) -> None:
    """Flushes a file, or a folder's entries, so that it survives a power cut, a rename likewise."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def user_path(text: str | Path) -> Path:
    """Returns a path with ``~`` and ``~user`` replaced by their folders.

    Raises:
        ConfigError: There is no such user.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        user = str(text)[1:].partition("/")[0]
        raise ConfigError(f"{text}: there is no user '{user}'") from None


def relative(path: Path) -> Path:
    """Returns the path as a user would type it in the working directory, if that is still there."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        return path
    return path.relative_to(here) if path.is_relative_to(here) else path


def read_json(path: Path) -> Any:
    """Returns what a JSON file holds.

    Raises:
        ValueError: It is not JSON.
        OSError: It cannot be read.
    """
    return parse_json(path.read_bytes())


def parse_json(text: str | bytes) -> Any:
    """Returns what a text means as JSON; ValueError where it is none, or nested without end."""
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")  # json would take other encodings as well
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("brackets in brackets without end") from None
