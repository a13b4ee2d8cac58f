"""Why a command takes no key of a name: there is none, or only other commands read it."""

from collections.abc import Sequence
from dataclasses import fields

from panna_exp.config.describe import SCHEMAS
from panna_exp.config.keys import closest_key, known_keys, type_of

_MOST_NAMED = 16


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
