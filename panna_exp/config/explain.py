"""What Hydra and OmegaConf say of a configuration, as one sentence with file, line and key."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from omegaconf.errors import ConfigKeyError

from panna_exp.config.describe import choices, is_group
from panna_exp.config.document import Document
from panna_exp.config.keys import key_problem, type_of
from panna_exp.config.sources import loaded
from panna_exp.errors import closest
from panna_exp.quoting import key_of, shown

# What Hydra says, in a plain ValueError, of a group set to null or to a number.
CIRCLE = "its interpolations, or the files of its defaults, lead back to themselves"


def explain(config_name: str, overrides: Sequence[str], error: BaseException, key: str = "") -> str:
    """Returns one sentence on why a configuration does not compose.

    Args:
        config_name: Of the command.
        overrides: What was typed.
        error: What Hydra or OmegaConf raised.
        key: Of the value that it is about, where that is known.
    """
    if isinstance(error, RecursionError) or "Recursive interpolation" in str(error):
        return f"{_where(key, overrides) if key else _somewhere()}{CIRCLE}"
    message = _text(error)
    missing = _missing_file(message, config_name, overrides)
    if missing:
        return missing
    found = re.search(r"full_key: (\S+)", message)
    key = key or (found[1] if found else "")
    if isinstance(_innermost(error), ConfigKeyError) or re.search(r"Key '.*' not in", message):
        unknown = key or _quoted_part(message, r"Key '(.*?)'")
        return f"{_where(unknown, overrides)}{key_problem(unknown, config_name) or 'no such key'}"
    sentence = _sentence(message)
    return f"{_where(key, overrides) if key else _file_of(message)}{sentence}"


def _sentence(message: str) -> str:
    """Hydra's message on one line, without what only its developers need."""
    variable = re.search(r"Environment variable '(.*?)' not found", message)
    if variable:
        name = variable[1]
        return (
            f"the environment variable {name} is not set: export {name}=..., or write "
            f"${{oc.env:{name},DEFAULT}}"
        )
    interpolated = re.search(r"Interpolation key '(.*?)' not found", message)
    if interpolated:
        return f"${{{interpolated[1]}}}: there is no key {interpolated[1]}"
    if "Missing mandatory value" in message:
        return "'???' stands for a value that is to be given"
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    drop = ("full_key:", "reference_type=", "object_type=", "To append to your config", "Set the")
    text = "; ".join(line for line in lines if not line.startswith(drop))
    text = re.sub(r"^In '.*?':( \w+ raised while composing config:;?)? *", "", text)
    return shown(text) or "does not compose"


def _missing_file(message: str, config_name: str, overrides: Sequence[str]) -> str:
    """A choice in a defaults list that does not exist, or an empty text."""
    found = re.search(r"(?:In '(.*?)': )?Could not (?:find|load|override) '(.*?)'", message)
    if not found:
        return ""
    group, _, name = found[2].strip("/").rpartition("/")
    group = group.split("@")[0]
    if is_group(found[2].split("@")[0]):
        group, name = found[2].split("@")[0], ""
    where = _choice_line(found[1], group, name)
    if "No match in the defaults list" in message or "Could not override" in message:
        if not where and (problem := key_problem(found[2].split("@")[0], config_name)):
            return f"{_where(found[2], overrides)}{problem}"
        return f"{where}override {found[2]}: nothing chooses {found[2]}, so write {found[2]}: ..."
    if not group:
        return f"{where}{shown(found[2])}: there is no such configuration file"
    known = choices(group)
    if not known:
        return f"{where}{shown(group)}: there is no such group"
    return f"{where}{group}={shown(name)}: expected one of {', '.join(known)}{closest(name, known)}"


def _choice_line(path: str | None, group: str, name: str) -> str:
    """The line of a user's file whose defaults choose what is not there."""
    paths = [path] if path in loaded else reversed(loaded)
    for document, _ in (loaded[item] for item in paths if item is not None):
        node = _default(document, group, name)
        if node is not None:
            return f"{document.at(node)}: defaults: "
    return ""


def _default(document: Document, group: str, name: str) -> yaml.Node | None:
    """The entry of a defaults list that chooses a file."""
    if ("defaults",) not in document.entries:
        return None
    listed = document.entries[("defaults",)][1]
    wanted = {name or group.rpartition("/")[2]}
    for item in listed.value if isinstance(listed, yaml.SequenceNode) else ():
        if wanted <= set(re.split(r"[\s/@:]+", " ".join(_scalars(item)))):
            return item
    return None


def _scalars(node: yaml.Node) -> Iterator[str]:
    if isinstance(node, yaml.ScalarNode):
        yield node.value
    else:
        for item in node.value:
            for part in item if isinstance(item, tuple) else (item,):
                yield from _scalars(part)


def with_place(problem: str, overrides: Sequence[str]) -> str:
    """Returns what a validator says, after the line of a user's file that the value is from."""
    found = re.match(r"[A-Za-z_]\w*(\.\w+)*", problem)
    if found is None or any(_is_of(text, found[0]) for text in overrides):
        return problem
    return f"{_line(found[0])}{problem}"


def _where(key: str, overrides: Sequence[str]) -> str:
    """The place that a key's value comes from: the command line, or a line of a user's file."""
    for text in reversed(overrides):
        if _is_of(text, key):
            return f"{shown(text.lstrip('+'))}: "
    return f"{_line(key)}{shown(key)}: "


def _is_of(override: str, key: str) -> bool:
    return key_of(override) == key


def _line(key: str) -> str:
    """The line of a user's file that has a key, or an empty text."""
    key = re.sub(r"\[(\d+)\]", "", key)
    for document, package in reversed(loaded.values()):
        mounted = bool(package) and type_of(package.split(".")) is None  # elsewhere
        for path, (node, _) in document.entries.items():
            own = ".".join(str(word) for word in path)
            if key == (f"{package}.{own}" if package else own) or (
                key.endswith(f".{own}") and (mounted or len(path) > 1)
            ):
                return f"{document.at(node)}: "
    return ""


def _file_of(message: str) -> str:
    found = re.search(r"In '(.*?)':", message)
    return f"{loaded[found[1]][0].name}: " if found and found[1] in loaded else ""


def _somewhere() -> str:
    names = [document.name for document, _ in loaded.values()]
    return f"{', '.join(names)}: " if names else ""


def _quoted_part(message: str, pattern: str) -> str:
    found = re.search(pattern, message)
    return found[1] if found else ""


def _innermost(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _text(error: Any) -> str:
    """The message that says most: Hydra's outer one often only repeats the override."""
    while not str(error) or (str(error).startswith("Error merging override") and error.__cause__):
        if error.__cause__ is None:
            return type(error).__name__
        error = error.__cause__
    inner = str(_innermost(error))
    return str(error) if "full_key" in str(error) else f"{error}\n{inner}"
