"""Checksums of a folder's files, ``SHA256SUMS``, as ``sha256sum -c`` reads them.

PANNA's formats notice few changed bytes. What this program writes into a folder is listed, and
whatever is listed is compared when it is read; files that are not listed are read as they are.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from panna_exp.errors import NetworkError
from panna_exp.files import read_json, write_atomic, write_text_atomic

NAME = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_MOST_BYTES = 1 << 20


def verify(path: Path) -> None:
    """Compares a file with what its folder's list says of it.

    Raises:
        NetworkError: It is another one.
    """
    expected = read_sums(path.parent).get(path.name)
    if expected is None or not path.is_file():
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise NetworkError(
            f"{path}: is damaged: its checksum is not the one in {NAME}: extract the networks "
            f"again, or, if you changed the file yourself, remove its line from {NAME}"
        )


def read_sums(folder: Path) -> dict[str, str]:
    """Returns the checksums by name of a file, none where there is no list."""
    path = folder / NAME
    try:
        if path.stat().st_size > _MOST_BYTES:
            return {}
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise NetworkError(f"{path}: cannot be read: {error.strerror or error}") from None
    found = [_LINE.fullmatch(line) for line in lines]
    return {match[2]: match[1] for match in found if match}


def sums_text(folder: Path, files: Mapping[str, bytes]) -> bytes:
    """Returns the list of a folder that is to get ``files`` besides what is listed already."""
    own = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return _text({**read_sums(folder), **own}).encode()


def write_listed(path: Path, content: bytes) -> None:
    """Writes a file and puts it on its folder's list.

    In between the file is not listed: a crash never leaves a good file that looks damaged.

    Raises:
        OSError: It cannot be written.
    """
    unlist(path)
    write_atomic(path, lambda file: file.write(content))
    write_atomic(
        path.with_name(NAME),
        lambda file: file.write(sums_text(path.parent, {path.name: content})),
    )


def write_listed_json(path: Path, content: object | None, indent: int | None = None) -> list[Path]:
    """Writes a file as :func:`write_listed` does, or removes it; returns what was written.

    Args:
        path: The file.
        content: Of it; None removes one of before.
        indent: As of ``json.dumps``.

    Raises:
        NetworkError: The folder cannot be written.
    """
    try:
        if content is None:
            unlist(path)
            path.unlink(missing_ok=True)
            return []
        write_listed(path, (json.dumps(content, indent=indent) + "\n").encode())
    except OSError as error:
        raise NetworkError(f"{path}: cannot be written: {error.strerror or error}") from None
    return [path]


def read_listed_json(path: Path, cure: str) -> Any:
    """Returns what a file holds that :func:`write_listed_json` wrote; None where there is none.

    Args:
        path: The file.
        cure: What to do about a damaged one.

    Raises:
        NetworkError: The file is damaged.
    """
    verify(path)
    try:
        content = read_json(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise NetworkError(f"{path}: is not JSON ({error}): {cure}") from None
    if content is None:
        raise NetworkError(f"{path}: holds null: {cure}")
    return content


def unlist(path: Path) -> None:
    """Takes a file that is to be changed or removed off its folder's list; raises OSError."""
    sums = read_sums(path.parent)
    if sums.pop(path.name, None) is not None:
        write_text_atomic(path.with_name(NAME), _text(sums))


def _text(sums: Mapping[str, str]) -> str:
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
