"""A first pass over HDF5 files in a process of its own: damage there can end the one that reads.

The HDF5 library trusts what a file of its oldest layout says of itself, and may then crash or run
forever. Layouts since HDF5 1.8 (superblock 2 and later, as panna_exp writes) carry checksums of all
that the library would follow, and need no trial.
"""

import faulthandler
import os
import resource
import signal
import warnings
from pathlib import Path
from typing import Any

import h5py

from panna_exp.errors import DataError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CHECKSUMS_SINCE = 2
# Up to this size all data are read; of larger files what says where they are.
_READ_ALL = 500_000_000
_SECONDS, _BYTES_PER_SECOND = 60, 10_000_000
_passed: set[tuple[str, int, int]] = set()


def refuse_deadly(path: Path) -> None:
    """Reads a file as a whole in a child process, once.

    Raises:
        DataError: The child crashed, or took far longer than reading takes.
        OSError: The file cannot be opened.
    """
    status = path.stat()
    key = (str(path.resolve()), status.st_size, status.st_mtime_ns)
    with path.open("rb") as file:
        start = file.read(len(_SIGNATURE) + 1)
    has_checksums = start.startswith(_SIGNATURE) and start[-1] >= _CHECKSUMS_SINCE
    if has_checksums or key in _passed or not hasattr(os, "fork"):
        return
    code = _end_of_child(path, status.st_size)
    if code < 0:
        how = "takes forever" if -code in (signal.SIGXCPU, signal.SIGALRM) else "ends the program"
        raise DataError(
            f"{path}: is damaged: reading it {how} ({signal.Signals(-code).name} in the HDF5 "
            "library, caught in a process of its own)"
        )
    _passed.add(key)


def _end_of_child(path: Path, size: int) -> int:
    """Returns the exit status of a child that reads the file, minus the signal that ended it."""
    with warnings.catch_warnings():
        # The child of a process with threads runs the HDF5 library alone, and then ends.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            _limit(size)
            with h5py.File(path, "r") as file:
                _read_everything(file, size <= _READ_ALL)
        finally:  # whatever Python raises, the reader will find and say
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _limit(size: int) -> None:
    faulthandler.disable()
    for number in (signal.SIGXCPU, signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    seconds = _SECONDS + size // _BYTES_PER_SECOND
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read_everything(file: Any, data: bool) -> None:
    def visit(_: str, item: Any) -> None:
        try:
            for name in item.attrs:
                item.attrs.get(name)
            if not isinstance(item, h5py.Dataset) or item.is_virtual or item.external:
                return
            if item.chunks is not None:
                item.id.get_num_chunks()
            stored = item.id.get_storage_size()
            if item.dtype.hasobject or (data and item.size * item.dtype.itemsize <= 1000 * stored):
                item[()]
        except Exception:
            return  # the reader says it, should it need that

    visit("/", file)
    file.visititems(visit)
