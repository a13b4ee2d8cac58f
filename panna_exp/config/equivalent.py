"""A configuration said as overrides of the command line: what the record of a run is to name."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from panna_exp.config.compose import compose_job
from panna_exp.config.composed import plain_values
from panna_exp.config.schema import TrainConfig
from panna_exp.errors import ConfigError
from panna_exp.quoting import quoted


def override_texts(values: Mapping[str, Any]) -> list[str]:
    """Returns values by key as overrides; a mapping in them is a group of keys.

    ``{"network": "h_deep", "training": {"max_epochs": 3}}`` is
    ``["network=h_deep", "training.max_epochs=3"]``.
    """
    return [f"{key}={_text(value)}" for key, value in _leaves(values)]


def overrides_of(config: TrainConfig) -> list[str]:
    """Returns overrides that compose a configuration: what differs from the defaults.

    Raises:
        ConfigError: Values of another type than the option's; keys that no override can set.
    """
    try:
        wanted = plain_values(OmegaConf.structured(config))
    except OmegaConfBaseException as error:
        raise ConfigError(str(error).splitlines()[0]) from None
    default = compose_job("train", []).plain
    texts = list(_differing(config, wanted, default))
    found = compose_job("train", texts).plain
    wrong = [key for key in wanted if found[key] != wanted[key]]
    if wrong:
        raise ConfigError(
            f"{', '.join(wrong)}: no overrides of the command line make this configuration: give "
            "overrides instead (train(['key=value', ...]))"
        )
    return texts


def _differing(
    config: Any, wanted: Mapping[str, Any], default: Mapping[str, Any], prefix: str = ""
) -> Iterator[str]:
    for item in fields(config):
        name, key = item.name, f"{prefix}{item.name}"
        if wanted[name] == default[name]:
            continue
        value = getattr(config, name)
        if is_dataclass(value):
            yield from _differing(value, wanted[name], default[name], f"{key}.")
        elif isinstance(value, Mapping) and default[name] == {}:
            for own, inner in wanted[name].items():
                yield f"{key}.{own}={_text(_without_none(inner))}"
        else:
            yield f"{key}={_text(wanted[name])}"


def _without_none(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: inner for key, inner in value.items() if inner is not None}


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value and key not in _DICTIONARIES:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


_DICTIONARIES = ("reference_energies",)  # options whose value is a mapping
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.name)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        pairs = (f"{_key(key)}:{_text(inner)}" for key, inner in value.items())
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_text, value))}]"
    return quoted(str(value))


def _key(key: Any) -> str:
    return str(key) if _NAME.fullmatch(str(key)) else json.dumps(str(key))
