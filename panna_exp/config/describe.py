"""What can be configured: keys with defaults and meanings, groups with their choices."""

from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

from panna_exp.config.schema import EvaluateConfig, ExtractConfig, TrainConfig
from panna_exp.config.schema.tools import DescriptorsConfig, PackConfig
from panna_exp.config.sources import conf_dir
from panna_exp.config.store import user_conf_dir

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


def options(schema: type, prefix: str = "") -> list[OptionDoc]:
    """Returns every option of a schema by dotted key."""
    found: list[OptionDoc] = []
    for item in fields(schema):
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        if is_dataclass(default):
            found += options(type(default), f"{prefix}{item.name}.")
        else:
            found.append(OptionDoc(f"{prefix}{item.name}", default, str(item.metadata["help"])))
    return found


def group_names() -> list[str]:
    """Returns the groups under the shipped ``conf/`` and the user's."""
    return sorted(
        {item.name for folder in _folders() for item in folder.iterdir() if item.is_dir()}
    )


def choices(group: str) -> list[str]:
    """Returns what can be chosen in a group."""
    return sorted({path.stem for folder in _folders() for path in (folder / group).glob("*.yaml")})


def _folders() -> list[Any]:
    own = user_conf_dir()
    return [conf_dir()] if own is None else [conf_dir(), own]
