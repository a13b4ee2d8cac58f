"""Fields of a schema: a default and what the option means."""

from dataclasses import field
from typing import Any


def option(default: Any, help: str) -> Any:
    """A dataclass field with its documentation; mutable defaults are copied."""
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata={"help": help})
    return field(default=default, metadata={"help": help})


def group(kind: type, help: str) -> Any:
    """A nested group of options."""
    return field(default_factory=kind, metadata={"help": help})
