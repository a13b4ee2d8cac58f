"""The file of a checkpoint: torch's archive of plain values, and a SHA-256 of it at the end.

torch's archive notices no changed byte. The seal is ``SEAL`` and 64 hexadecimal digits in the last
line; what comes before it is the archive, as ``torch.load`` reads it. Files of versions without a
seal are read as well.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from panna_exp.errors import CheckpointError
from panna_exp.files import write_atomic

SEAL = b"\npanna_exp sha256 "
_SEAL_LENGTH = len(SEAL) + 64 + 1
_SEALED = "sealed"  # says in the archive that a seal has to follow


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Writes a state of tensors and plain values; raises OSError if it cannot."""
    buffer = io.BytesIO()
    torch.save({**state, _SEALED: True}, buffer)
    archive = buffer.getbuffer()
    seal = SEAL + hashlib.sha256(archive).hexdigest().encode() + b"\n"

    def write(file: Any) -> None:
        file.write(archive)
        file.write(seal)

    write_atomic(path, write)


def read_state(path: Path) -> dict[str, Any]:
    """Returns the state in a file; nothing in it is ever run.

    Raises:
        CheckpointError: There is no such file, it is damaged, or nothing of torch's.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None
    archive, is_sealed = content, False
    if content[-_SEAL_LENGTH:].startswith(SEAL):
        archive, is_sealed = content[:-_SEAL_LENGTH], True
        if content != archive + SEAL + hashlib.sha256(archive).hexdigest().encode() + b"\n":
            raise _damaged(path, "its checksum is another one")
    state = _unpacked(path, archive)
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: is not a checkpoint of panna_exp")
    if state.pop(_SEALED, False) and not is_sealed:
        raise _damaged(path, "the checksum at its end is missing")
    return state


def is_whole(path: Path) -> bool:
    """Whether a file is a checkpoint that can be read."""
    try:
        read_state(path)
    except CheckpointError:
        return False
    return True


def _unpacked(path: Path, archive: bytes) -> Any:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as items:
            _check_size(items, len(archive))
        state = torch.load(io.BytesIO(archive), map_location="cpu", weights_only=True)
        _check_tensors(state, len(archive))
    except Exception as error:
        # zipfile, pickle and torch raise a dozen kinds on what is no archive of theirs.
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise _damaged(path, reason) from None
    return state


def _check_size(items: zipfile.ZipFile, size: int) -> None:
    """Refuses what unpacks to more than there is: torch compresses nothing."""
    found = items.infolist()
    if any(item.compress_type != zipfile.ZIP_STORED for item in found):
        raise ValueError("it is compressed")
    if sum(item.file_size for item in found) > size:
        raise ValueError("it unpacks to more than its size")


def _check_tensors(value: Any, size: int) -> None:
    """Refuses tensors that repeat few bytes many times: a copy would take any memory."""
    if isinstance(value, Tensor) and value.numel() * value.element_size() > size:
        raise ValueError(f"a tensor of {value.numel()} numbers in {size} bytes")
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            _check_tensors(item, size)


def _damaged(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(f"{path}: is damaged or not a checkpoint ({reason})")
