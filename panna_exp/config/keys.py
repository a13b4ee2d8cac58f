"""What a key of the configuration takes: its type, whether a value fits it, who reads it."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from panna_exp.config.describe import SCHEMAS, group_names, options
from panna_exp.config.schema import SpeciesConfig
from panna_exp.errors import closest

_MOST_NAMED = 16

SPECIES = ("network", "species")
# Keys whose children may be new: they are symbols.
OPEN = (SPECIES, ("data", "reference_energies"))
# Untyped, since they take lists as well: a path that looks like a number is a path.
_PATHS = (("data", "train"), ("data", "validation"), ("data", "test"))
_EXPECTED = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    list[int]: "a list of whole numbers, [1, 2]",
    list[float]: "a list of numbers, [1.0, 2.0]",
    list[bool]: "a list, [true, false]",
    list[str]: "a list, [a, b]",
}


def type_of(path: Sequence[str], config_name: str | None = None) -> Any:
    """Returns the type of a key, None if there is no such key.

    Args:
        path: The key's words, e.g. ``("training", "batch_size")``.
        config_name: Of the command that has it; None: of any.
    """
    schemas = SCHEMAS.values() if config_name is None else [SCHEMAS[config_name]]
    return next((found for item in schemas if (found := _below(item, tuple(path)))), None)


def is_open(path: Sequence[str]) -> bool:
    """Tells whether a key is one of those that are named by symbols, or below it."""
    return any(tuple(path[: len(start)]) == start and len(path) > len(start) for start in OPEN)


def is_text(path: Sequence[str]) -> bool:
    """Tells whether a value of a key is text whatever it looks like, e.g. a folder ``1e5``."""
    return tuple(path) in _PATHS or type_of(path) in (str, list[str])


@cache
def _below(kind: Any, path: tuple[str, ...]) -> Any:
    if not path:
        return kind
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        name, *rest = path
        if name not in hints:
            return None
        if name == "species" and rest:  # network.species.H, whose keys are known
            return _below(SpeciesConfig, tuple(rest[1:]))
        return _below(_present(hints[name]), tuple(rest))
    return Any if kind is Any or get_origin(kind) is dict else None


def _present(kind: Any) -> Any:
    """A type without None."""
    if get_origin(kind) in (Union, types.UnionType):
        kinds = [item for item in get_args(kind) if item is not type(None)]
        return kinds[0] if len(kinds) == 1 else Any
    return kind


def mistake(path: Sequence[str], value: Any) -> str:
    """Returns what a key expects if a value does not fit its type, else an empty text.

    Args:
        path: The key's words; it exists.
        value: A plain one.
    """
    kind = type_of(path)
    if kind is None or kind is Any or (isinstance(value, str) and "${" in value):
        return ""
    name = path[-1]
    if is_dataclass(kind):
        return "" if value is None or isinstance(value, Mapping) else "expected keys below it"
    holders = [_below(schema, tuple(path[:-1])) for schema in SCHEMAS.values()]
    base = OmegaConf.structured(
        next(item for item in holders if item is not None and _below(item, (name,)))
    )
    try:
        OmegaConf.update(base, name, value)
        OmegaConf.to_container(base)
    except (OmegaConfBaseException, ValueError, TypeError):
        return f"expected {_expected(kind)}{_hint(kind, value)}"
    return ""


def expected(path: Sequence[str]) -> str:
    """Returns what a key takes, in words; an empty text where its meaning says it."""
    kind = type_of(path)
    return "" if kind is None or kind is Any else _expected(kind)


def _expected(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"one of {', '.join(item.name for item in kind)}"
    return _EXPECTED.get(kind, "keys by symbol, {H: ...}")


def _hint(kind: Any, value: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return closest(str(value), [item.name for item in kind])
    return ""


def known_keys(config_name: str) -> list[str]:
    """Returns the keys of a command, and what they are grouped under."""
    keys = [item.key for item in options(SCHEMAS[config_name])]
    return list(dict.fromkeys([*keys, *(key.partition(".")[0] for key in keys)]))


def closest_key(key: str, config_name: str) -> str:
    """The nearest key, preferring those of the same group and then the same last word."""
    known = [*known_keys(config_name), *group_names()]
    group, _, name = key.rpartition(".")
    siblings = [item for item in known if item.rpartition(".")[0] == group]
    hint = closest(name, [item.rpartition(".")[2] for item in siblings]) if group else ""
    if hint:
        return hint.replace("'", f"'{group}.", 1)
    same = [item for item in known if item.rpartition(".")[2] == name]
    return f", did you mean '{same[0]}'?" if same else closest(key, known)


def key_problem(key: str, config_name: str) -> str:
    """Returns what is wrong with a key as an argument of a command, else an empty text.

    Files are shared between commands, ``conf/data/water.yaml`` by train and evaluate, so that their
    groups may have keys that one of them does not read; what is typed may not.
    """
    words = key.split(".")
    if type_of(words, config_name) is None:
        return _of_others(words, config_name) or f"no such key{closest_key(key, config_name)}"
    reads = _names_read(words[0], config_name)
    if len(words) == 1 or reads is None or words[1] in reads:
        return ""
    if len(reads) <= _MOST_NAMED:
        named = ", ".join(f"{words[0]}.{name}" for name in reads)
    else:
        named = f"see panna-exp {_shown(config_name)} --help {words[0]}"
    return f"{_shown(config_name)} does not read it; what it reads of {words[0]}: {named}"


def _of_others(words: Sequence[str], config_name: str) -> str:
    """What is said of a key that another command has, and none of its name is here."""
    others = [name for name in SCHEMAS if type_of(words, name) is not None]
    if not others or words[-1] in {key.rpartition(".")[2] for key in known_keys(config_name)}:
        return ""  # the key of that name is meant
    name = _shown(config_name)
    return f"{name} does not read it, {_shown(others[0])} does: see panna-exp {name} --help"


def _names_read(group: str, config_name: str) -> Sequence[str] | None:
    """The options of a group that a command reads, None for all."""
    (found,) = (item for item in fields(SCHEMAS[config_name]) if item.name == group)
    reads: Sequence[str] | None = found.metadata.get("reads")
    return reads


def _shown(config_name: str) -> str:
    return config_name.replace("_", "-")
