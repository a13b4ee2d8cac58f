"""User information in addresses of servers, which never reaches a log or a record.

``http://USER:PASSWORD@HOST`` and ``http://HOST?token=T`` are shown and kept as ``http://***@HOST``
and ``http://HOST?token=***``. What was typed is masked before anything else sees it, and the
address itself is kept for this process and those that it starts.
"""

import os
import re
from collections.abc import Callable
from typing import Any

from panna_exp.errors import PannaExpError

_MASK = "***"
_TYPED = "PANNA_EXP_TYPED_ADDRESSES"  # a variable: jobs of a sweep in other processes need it too
_FROM_USER = "MLFLOW_TRACKING_URI"
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^\s\"'<>,]*)")
_FILES = ("sqlite", "file")  # what follows is a path
_PLACEHOLDERS = re.compile(r"(\$\{[^{}]*\}|:)+")  # Hydra's, which say nothing
_HARMLESS = ("sslmode", "charset", "driver", "timeout")


def masked(text: str) -> str:
    """Returns the text with user information and query values of its addresses hidden."""
    return _ADDRESS.sub(_mask, text) if "://" in text else text


def masked_values(value: Any) -> Any:
    """Returns nested lists and mappings of plain values with all texts masked."""
    return _with_texts(value, masked)


def hide(text: str) -> str:
    """Returns a text that the user typed, masked; its addresses are kept for :func:`reveal`."""
    found = [match[0] for match in _ADDRESS.finditer(text) if masked(match[0]) != match[0]]
    if found:
        known = os.environ.get(_TYPED, "").split("\n")
        os.environ[_TYPED] = "\n".join(dict.fromkeys([*found, *filter(None, known)]))
    return masked(text)


def hide_values(value: Any) -> Any:
    """Does with all texts of nested plain values what :func:`hide` does."""
    return _with_texts(value, hide)


def reveal(address: str) -> str:
    """Returns the address that is shown as this one.

    Raises:
        PannaExpError: Neither the command line nor MLFLOW_TRACKING_URI has it.
    """
    if _MASK not in address or "://" not in address:
        return address
    known = [*os.environ.get(_TYPED, "").split("\n"), os.environ.get(_FROM_USER, "")]
    for candidate in known:
        if candidate and masked(candidate) == address:
            return candidate
    raise PannaExpError(
        f"{address}: records keep no user information: give the whole address again, or set "
        f"{_FROM_USER} to it"
    )


def _with_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _with_texts(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_texts(item, change) for item in value]
    return value


def _mask(match: re.Match[str]) -> str:
    scheme, rest = match.groups()
    if scheme.lower().partition("+")[0] in _FILES:
        return match[0]
    user, at, place = _split(rest)
    if at and not _PLACEHOLDERS.fullmatch(user):
        user = _MASK
    path, question, query = place.partition("?")
    return f"{scheme}://{user}{at}{path}{question}{re.sub('[^&;]+', _mask_value, query)}"


def _split(rest: str) -> tuple[str, str, str]:
    """Splits user information off: up to the last @, where a password may have more of them."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    port = authority.partition(":")[2]
    # u:pass/word@host: a password with a slash that should have been written as %2F
    is_password = bool(port) and not port.isdigit() and "@" in rest and not port.startswith("$")
    if "@" in authority or is_password:
        return rest.rpartition("@")
    return "", "", rest


def _mask_value(match: re.Match[str]) -> str:
    name, equals, value = match[0].partition("=")
    hidden = equals and name.lower() not in _HARMLESS and not _PLACEHOLDERS.fullmatch(value)
    return f"{name}={_MASK}" if hidden else match[0]
