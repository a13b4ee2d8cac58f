"""What of Hydra a user's files and command line may set.

Hydra calls what ``_target_`` names (callbacks, launchers, sweepers), sets up logging by factories
and puts variables into the environment. A file that came with a folder from elsewhere must not
reach any of that; folders, launchers and sweepers by name and their plain values are for users.
"""

import re
from collections.abc import Iterator

import yaml

from panna_exp.config.document import Document

_SPECIAL = re.compile(r"_(target|args|partial|convert|recursive|method)_")
_GROUPS = ("hydra/launcher", "hydra/sweeper")
_LOGGING = ("hydra/job_logging", "hydra/hydra_logging")
_PLACES = ("run.dir", "sweep.dir", "sweep.subdir", "output_subdir", "verbose", "mode")
_JOB = ("job.name", "job.chdir")
# Of Slurm's launcher: these are lines of a shell script.
_SHELL = ("setup", "srun_args", "additional_parameters")
ALLOWED = (
    "hydra.run.dir, hydra.sweep.dir, hydra.sweep.subdir, hydra.job.name, hydra.launcher.* and "
    "hydra.sweeper.*"
)


def typed_problem(key: str, value: str) -> str:
    """Returns what is wrong with a setting of Hydra on the command line, else an empty text.

    Args:
        key: E.g. ``hydra.run.dir``, ``hydra/launcher`` or ``data@hydra.job``, without ``+``.
        value: As typed.
    """
    group, _, package = key.partition("@")
    if package and _in_hydra(package):
        return f"{key}={value}: nothing is mounted into hydra"
    if not _in_hydra(group):
        return ""
    if _SPECIAL.search(key) or "_target_" in value:
        return f"{key}: what Hydra calls is not for the command line: {ALLOWED} are"
    if "/" in group:
        good = group in (*_GROUPS, *_LOGGING)
    else:
        good = _is_allowed(group.removeprefix("hydra.")) or group == "hydra.searchpath"
        if group == "hydra.searchpath" and "://" in value.replace("file://", ""):
            return f"{key}={value}: expected folders"
    return "" if good else f"{key}: of Hydra's settings {ALLOWED} can be given"


def file_problems(document: Document, package: str, config_path: str) -> Iterator[str]:
    """Yields what a user's file may not set, with its line.

    Args:
        document: The file.
        package: Where its values go, ``""`` for the whole configuration.
        config_path: Its path for Hydra, e.g. ``data/tutorial``.
    """
    for key in _keys(document.root):
        if _SPECIAL.fullmatch(str(key.value)):
            yield f"{document.at(key)}: {key.value} would have a program called: it is not allowed"
    for path, (key, value) in document.entries.items():
        if path == ("defaults",):
            yield from _defaults_problems(document, value)
        else:
            full = [*(package.split(".") if package else ()), *(str(part) for part in path)]
            if full[0] == "hydra" and not isinstance(value, yaml.MappingNode):
                yield from _setting_problems(document, full[1:], key, value)
    group = config_path.strip("/").rpartition("/")[0]
    if _in_hydra(config_path) and group not in _GROUPS:
        yield f"{document.name}: takes the place of a part of Hydra: only {', '.join(_GROUPS)} may"
    elif _in_hydra(package) and group not in _GROUPS:
        yield f"{document.name}: its package is {package}: nothing is mounted into hydra"


def _keys(node: yaml.Node | None) -> Iterator[yaml.Node]:
    """Yields the keys of all mappings, those in lists as well."""
    for item in node.value if isinstance(node, yaml.CollectionNode) else ():
        if isinstance(item, tuple):
            yield item[0]
            yield from _keys(item[1])
        else:
            yield from _keys(item)


def _setting_problems(
    document: Document, words: list[str], key: yaml.Node, value: yaml.Node
) -> Iterator[str]:
    name = ".".join(words)
    where = f"{document.at(key)}: {'.'.join(['hydra', *words])}"
    if not _is_allowed(name):
        yield f"{where}: a file may set {ALLOWED} only"
    elif words[0] in ("launcher", "sweeper"):
        if words[-1] in _SHELL or any(word in _SHELL for word in words):
            yield f"{where}: is a shell's text: give it on the command line"
        for text in _texts(value):
            if "${" in text or not text.isprintable():
                yield f"{where}: expected a plain value on one line, without ${{...}}"
    elif isinstance(value, yaml.SequenceNode) or "oc.create" in str(value.value):
        yield f"{where}: expected text"


def _texts(node: yaml.Node) -> Iterator[str]:
    if isinstance(node, yaml.ScalarNode):
        yield node.value
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _texts(item)
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            for item in pair:
                yield from _texts(item)


def _defaults_problems(document: Document, node: yaml.Node) -> Iterator[str]:
    if not isinstance(node, yaml.SequenceNode):
        yield f"{document.at(node)}: defaults: expected a list, '- group: choice' a line"
        return
    for item in node.value:
        if isinstance(item, yaml.ScalarNode) and item.value:
            entry = item.value
        elif isinstance(item, yaml.MappingNode) and len(item.value) == 1:
            entry = str(item.value[0][0].value)
            if not _is_choice(item.value[0][1]):
                yield f"{document.at(item)}: defaults: expected a choice of {entry}, or null"
        else:
            yield f"{document.at(item)}: defaults: expected '- group: choice' or '- file'"
            continue
        name, _, package = entry.split(" ")[-1].partition("@")
        name = name.strip("/")
        if ".." in name.split("/"):
            yield f"{document.at(item)}: defaults: {entry}: expected a file in the same conf folder"
        elif _in_hydra(package):
            yield f"{document.at(item)}: defaults: {entry}: nothing is mounted into hydra"
        elif _in_hydra(name) and not any(
            name == known or name.startswith(f"{known}/") for known in (*_GROUPS, *_LOGGING)
        ):
            yield f"{document.at(item)}: defaults: {entry}: only {', '.join(_GROUPS)} can be chosen"


def _is_choice(node: yaml.Node) -> bool:
    if isinstance(node, yaml.SequenceNode):
        return all(isinstance(item, yaml.ScalarNode) for item in node.value)
    return isinstance(node, yaml.ScalarNode)


def _is_allowed(name: str) -> bool:
    return name in (*_PLACES, *_JOB) or name.startswith(("launcher.", "sweeper."))


def _in_hydra(place: str) -> bool:
    """Tells whether a package, a key or a path is of Hydra's own part of the configuration."""
    words = re.split(r"[./:\[\]]", place.rpartition("_global_")[2])
    return next((word for word in words if word and not word.startswith("_")), "") == "hydra"
