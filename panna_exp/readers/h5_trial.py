"""A first pass over HDF5 files in a process of its own: damage there can end the one that reads.

The HDF5 library trusts what a file says of itself wherever that has no checksum, and may then
crash or run forever. Checksums came with HDF5 1.8, but nothing at the start of a file says that
all that is in it has them: old and new objects may lie side by side. So every file is tried, once:
all that the library follows, and data that it unpacks. Data that lie in the file as they are, or
that have a checksum, cannot mislead it and are not read twice.
"""

import faulthandler
import os
import resource
import signal
import warnings
from pathlib import Path
from typing import Any

import h5py
from h5py import h5a, h5d, h5o

from panna_exp.errors import DataError

# Up to this size all data are read; of larger files what says where they are.
_READ_ALL = 500_000_000
# No data set is read that is said to be so many times as large as what the file has of it.
_MOST_TIMES = 1000
# Of the processor; as often as long may pass where disks are slow.
_SECONDS, _BYTES_PER_SECOND, _PATIENCE = 15, 2_000_000, 10
_passed: set[tuple[str, int, int]] = set()


def refuse_deadly(path: Path) -> None:
    """Reads a file in a child process, once.

    Raises:
        DataError: The child crashed, or took far longer than reading takes.
        OSError: There is no such file.
    """
    status = path.stat()
    key = (str(path.resolve()), status.st_size, status.st_mtime_ns)
    if key in _passed or not hasattr(os, "fork"):
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
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    signal.alarm(_PATIENCE * seconds)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read_everything(file: Any, data: bool) -> None:
    """Reads what could mislead the library, by its low-level names: files have many objects."""

    def visit(name: bytes) -> None:
        try:
            item = h5o.open(file.id, name)
            if h5a.get_num_attrs(item):
                dict(file[name].attrs)
            if isinstance(item, h5d.DatasetID):
                _read_dataset(item, data)
        except Exception:
            return  # the reader says it, should it need that

    visit(b".")
    h5o.visit(file.id, visit)


def _read_dataset(item: Any, data: bool) -> None:
    made = item.get_create_plist()
    if made.get_layout() == h5d.VIRTUAL or made.get_external_count():
        return  # the reader refuses them
    if made.get_layout() == h5d.CHUNKED:
        item.get_num_chunks()
    found = h5py.Dataset(item)
    packed = made.get_nfilters() and not found.fletcher32
    if item.dtype.hasobject or (data and packed):
        bound = _MOST_TIMES * item.get_storage_size()
        if found.size and found.size * item.dtype.itemsize <= bound:
            found[()]
