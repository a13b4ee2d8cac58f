"""Where configuration files come from: the shipped ones as they are, a user's after every check.

Hydra asks this source for every file: of ``./conf``, of ``--config-dir`` and of a search path.
"""

from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.core_plugins import file_config_source
from hydra._internal.sources_registry import SourcesRegistry
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import OmegaConf

from panna_exp.config.document import Document, read_document
from panna_exp.config.folders import conf_dir
from panna_exp.config.hydra_keys import file_problems
from panna_exp.config.keys import closest_key, is_text, mistake, type_of
from panna_exp.config.renamed import current_choice, current_key, renamed_values
from panna_exp.errors import ConfigError
from panna_exp.quoting import shown

# What these choose is of the whole configuration, with or without "# @package _global_".
_GLOBAL_GROUPS = ("experiment", "debug")

# The user's files of the last composition, by their path for Hydra: for messages.
loaded: dict[str, tuple[Document, str]] = {}


class FileConfigSource(file_config_source.FileConfigSource):
    """A folder of configuration files, under the name of Hydra's own.

    The process of a sweep's job gets the registry of sources from this one and registers Hydra's
    own source anew, which it refuses where another name has its place.
    """

    def load_config(self, config_path: str) -> ConfigResult:
        """Called by Hydra for each file that it composes.

        Raises:
            ConfigError: Every mistake in the file that can be seen without the others.
        """
        if Path(self.path).resolve() == conf_dir():
            return super().load_config(config_path)
        document = read_document(Path(self.path) / self._normalize_file_name(config_path))
        group = config_path.strip("/").rpartition("/")[0]
        header = self._header(document, group)
        package = (header["package"] or group).replace("/", ".").replace("_group_", group)
        package = package.rpartition("_global_")[2].strip(".")
        loaded[config_path.strip("/")] = document, package
        problems = list(file_problems(document, package, config_path))
        values = document.values()
        values = _with_texts(document, package, values)
        problems += _value_problems(document, package, values)
        if problems:
            raise ConfigError(dict.fromkeys(problems))
        return ConfigResult(
            config=OmegaConf.create(renamed_values(values, package)),
            path=f"{self.scheme()}://{self.path}",
            provider=self.provider,
            header=header,
        )

    @staticmethod
    def _header(document: Document, group: str) -> dict[str, str | None]:
        # Hydra stops at the first comment that is none of its own, and would not say so.
        own = [line for line in document.header() if line.lstrip("# ").startswith("@")]
        try:
            header = ConfigSource._get_header_dict("\n".join(own))
        except ValueError as error:
            (line, *_) = [i for i, text in enumerate(document.header(), 1) if text in own]
            raise ConfigError(
                f"{document.name}, line {line}: {shown(error)}, e.g. '# @package _global_'"
            ) from None
        if header["package"] is None and group.partition("/")[0] in _GLOBAL_GROUPS:
            header["package"] = "_global_"
        return header


def use_config_files() -> None:
    """Makes Hydra load every file with this source; its plugins must be loaded before."""
    SourcesRegistry.instance().types[FileConfigSource.scheme()] = FileConfigSource


def _with_texts(document: Document, package: str, values: dict[Any, Any]) -> dict[Any, Any]:
    """Returns values, texts as they were written: a folder 1e-4 is not a number."""
    for path, (_, node) in document.entries.items():
        place = _place(package, path)
        if not is_text(place):
            continue
        holder = values
        for name in path[:-1]:
            holder = holder[name]
        value = holder[path[-1]]
        if isinstance(node, yaml.SequenceNode) and isinstance(value, list):
            items = zip(value, node.value, strict=True)
            holder[path[-1]] = [_as_written(own, item) for own, item in items]
        else:
            holder[path[-1]] = _as_written(value, node)
    return values


def _as_written(value: Any, node: yaml.Node) -> Any:
    is_number = isinstance(value, bool | int | float) and isinstance(node, yaml.ScalarNode)
    return node.value if is_number else value


def _place(package: str, path: tuple[Any, ...]) -> tuple[str, ...]:
    return (*(package.split(".") if package else ()), *(str(part) for part in path))


def _value_problems(document: Document, package: str, values: dict[Any, Any]) -> Iterator[str]:
    """Yields keys that no command has and values of another type than their keys'."""
    for path, (node, _) in document.entries.items():
        place = _place(package, path)
        if path[0] == "defaults" or place[0] == "hydra":
            continue
        if package and type_of(place[:1]) is None:
            continue  # where it is mounted is known to Hydra alone
        key = ".".join(place)
        words = list(place) if current_key(key) == key else current_key(key).split(".")
        if type_of(words) is None:
            if is_dataclass(type_of(place[:-1])) or len(place) == 1:
                yield f"{document.at(node)}: {shown(key)}: no such key{_hint(place)}"
            continue
        value = current_choice(".".join(words), reduce(getitem, path, values))
        problem = "" if value == "???" else mistake(words, value)
        if problem:
            yield f"{document.at(node)}: {key}={shown(value)}: {problem}"


def _hint(place: tuple[str, ...]) -> str:
    words = ".".join(place).split(".")
    if "." in place[-1] and type_of(words) is not None:
        return f": write {words[-1]} below {'.'.join(words[:-1])}, indented"
    return closest_key(".".join(place), "train")
