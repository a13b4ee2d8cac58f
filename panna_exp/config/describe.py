"""What can be configured: keys with defaults and meanings, groups with their choices."""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from panna_exp.config.folders import conf_dir, user_conf_dir
from panna_exp.config.schema import EvaluateConfig, ExtractConfig, TrainConfig
from panna_exp.config.schema.tools import DescriptorsConfig, PackConfig

SCHEMAS: dict[str, type] = {
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
    "extract_weights": ExtractConfig,
    "descriptors": DescriptorsConfig,
    "pack": PackConfig,
}


@dataclass(frozen=True, slots=True)
class OptionDoc:
    """One key of a configuration."""

    key: str
    default: Any
    meaning: str


def options(schema: type, prefix: str = "", reads: Sequence[str] | None = None) -> list[OptionDoc]:
    """Returns every option of a schema that its command reads, by dotted key.

    Args:
        schema: A command's, or a group's.
        prefix: Of the group's keys.
        reads: Names of those of the group that are read, None: all.
    """
    found: list[OptionDoc] = []
    for item in fields(schema):
        if reads is not None and item.name not in reads:
            continue
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        if is_dataclass(default):
            found += options(type(default), f"{prefix}{item.name}.", item.metadata["reads"])
        else:
            found.append(OptionDoc(f"{prefix}{item.name}", default, str(item.metadata["help"])))
    return found


def group_names(folder: Path | None = None) -> list[str]:
    """Returns the groups under the shipped ``conf/``, the user's, and a folder that was named."""
    return sorted(
        {
            item.name
            for place in _folders(folder)
            for item in place.iterdir()
            if item.is_dir() and item.name != "hydra"
        }
    )


def choices(group: str, folder: Path | None = None) -> list[str]:
    """Returns what can be chosen in a group."""
    return sorted(
        {path.stem for place in _folders(folder) for path in (place / group).glob("*.yaml")}
    )


def is_group(name: str, folder: Path | None = None) -> bool:
    """Tells whether there is a group of a name, e.g. ``network`` or ``experiment/water``."""
    inside = name.partition("/")[0] in group_names(folder)
    return inside and any((place / name).is_dir() for place in _folders(folder))


def has_choice(group: str, name: str, folder: Path | None = None) -> bool:
    """Tells whether something can be chosen in a group, in a folder below it as well."""
    file = name if name.endswith(".yaml") else f"{name}.yaml"
    return any((place / group / file).is_file() for place in _folders(folder))


def _folders(folder: Path | None) -> list[Path]:
    return [place for place in (conf_dir(), user_conf_dir(), folder) if place is not None]
