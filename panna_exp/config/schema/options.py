"""Fields of a schema: a default and what the option means."""

from dataclasses import field, fields
from typing import Any


def option(default: Any, help: str) -> Any:
    """A dataclass field with its documentation; mutable defaults are copied."""
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata={"help": help})
    return field(default=default, metadata={"help": help})


def group(kind: type, help: str, reads: tuple[str, ...] | None = None) -> Any:
    """A nested group of options.

    Args:
        kind: Its dataclass.
        help: What it is.
        reads: Names of those that the command reads, None: all. Files of a group are shared
            between commands and may have the others as well; the command line may not.
    """
    return field(default_factory=kind, metadata={"help": help, "reads": reads})


def all_but(kind: type, *names: str) -> tuple[str, ...]:
    """Returns the names of a group's options without some."""
    return tuple(item.name for item in fields(kind) if item.name not in names)
