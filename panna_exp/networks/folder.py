"""Putting a network's files into a folder so that a crash never leaves a mixture of two networks.

All files are first written to a temporary folder and read back there. A folder that does not exist
yet then appears whole, by one rename. In a folder that exists, the index (the file
that names the others) is removed first and put in place last: whatever happens in between, a reader
finds either a complete network or no index, which it reports. Other files stay untouched. The
checksums of all are put beside them (see ``sums``).
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from operator import methodcaller
from pathlib import Path

from panna_exp.errors import NetworkError
from panna_exp.files import sync_path, write_atomic
from panna_exp.networks import sums


def plain_name(name: str, where: str) -> str:
    """Returns the name of a file beside another one, as that one gives it.

    Raises:
        NetworkError: It would lead out of the folder, or no file can be called so.
    """
    if name in ("", ".", "..") or any(sign in name for sign in "/\\\0") or len(name) > 255:
        raise NetworkError(
            f"{where} is {name!r:.80}, expected the name of a file in the same folder"
        )
    return name


def install(
    folder: Path, files: Mapping[str, bytes], index: str, verify: Callable[[Path], None]
) -> list[Path]:
    """Writes ``files`` into ``folder`` after ``verify`` accepted them.

    Args:
        folder: Made if absent; other files in it are left as they are.
        files: Contents by plain file name.
        index: The one of ``files`` without which the others are not read.
        verify: Called with a folder that holds the files; raises if they do not read back.

    Returns:
        The paths written.

    Raises:
        NetworkError: ``folder`` is a file, or cannot be written to; a name that is not a plain file
            name (from a species that is not a symbol); or what ``verify`` raises.
    """
    for name in files:
        if Path(name).name != name:
            raise NetworkError(f"{folder}: '{name}' cannot be the name of a file")
    for place in (folder, *folder.parents):
        if place.exists() and not place.is_dir():
            raise NetworkError(f"{place}: is a file, expected a folder to write the network to")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = not folder.exists()
        files = {**files, sums.NAME: sums.sums_text(folder, files)}
        parent = folder.parent if fresh else folder
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=parent))
        try:
            for name, content in files.items():
                write_atomic(staging / name, methodcaller("write", content))
            verify(staging)
            if fresh:
                _replace_folder(staging, folder)
            else:
                _move_into(staging, folder, index)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise NetworkError(f"{folder}: the network cannot be written: {error.strerror}") from error
    return [folder / name for name in files]


def _replace_folder(staging: Path, folder: Path) -> None:
    # mkdtemp makes it private; the folder shall have the permissions of any other.
    current = os.umask(0)
    os.umask(current)
    staging.chmod(0o777 & ~current)
    os.replace(staging, folder)
    sync_path(folder.parent)


def _move_into(staging: Path, folder: Path, index: str) -> None:
    (folder / index).unlink(missing_ok=True)
    sync_path(folder)
    for path in sorted(staging.iterdir()):
        if path.name != index:
            os.replace(path, folder / path.name)
    sync_path(folder)
    os.replace(staging / index, folder / index)
    sync_path(folder)
