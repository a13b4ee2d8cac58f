"""Words as the shell and Hydra read them, and names as a terminal may show them."""

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

# What Hydra's grammar reads as text without quotes, and as the same text.
_PLAIN = re.compile(r"(\.{0,2}/)?[A-Za-z_][A-Za-z0-9_/.+@:%-]*")
# Words that it reads as something else than text.
_OTHER = re.compile(r"(?i)null|true|false|inf|nan|.*:")


def quoted(value: str) -> str:
    """Returns text as a value of Hydra's override grammar that is read as this text.

    Args:
        value: Any text, e.g. a folder's name.
    """
    if _PLAIN.fullmatch(value) and not _OTHER.fullmatch(value):
        return value
    # OmegaConf would take ${ for the beginning of an interpolation.
    value = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + "\\${", value)
    # A backslash is one, unless it stands before a quote or at the end: there it is doubled.
    inner = re.sub(r'(\\*)("|\Z)', lambda found: found[1] * 2 + ('\\"' if found[2] else ""), value)
    return f'"{inner}"'


def override(key: str, value: str | Path) -> str:
    """Returns ``key=value``, quoted for Hydra."""
    return f"{key}={quoted(str(value))}"


def key_of(text: str) -> str:
    """Returns the key of an override: ``a.b`` of ``+a.b=1``."""
    return text.lstrip("+~").partition("=")[0]


def shell_line(words: Iterable[str]) -> str:
    """Returns words as a line that can be pasted into bash, whatever characters they have."""
    return " ".join(_shell_word(word) for word in words)


def _shell_word(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    # $'...' is bash's quoting with escapes: nothing reaches the terminal as it is.
    inner = "".join(_escaped(char) for char in word)
    return f"$'{inner}'"


def _escaped(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    if char.isprintable():
        return char
    raw = char.encode("utf-8", "surrogateescape")
    return "".join(f"\\x{byte:02x}" for byte in raw)


def shown(text: object) -> str:
    """Returns text for a terminal: control characters as escapes, which do nothing there."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in str(text)
    )
