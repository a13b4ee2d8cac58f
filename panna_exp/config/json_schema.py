"""The configuration as a JSON schema, with which editors complete and check YAML files.

``conf/schema.json`` has every key of every command; ``schema.json`` in a group's folder points to
the group's part of it. ``tools/write_json_schema.py`` writes them.
"""

import json
import types
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from panna_exp.config.describe import SCHEMAS
from panna_exp.config.folders import conf_dir
from panna_exp.config.schema import SpeciesConfig

_DRAFT = "http://json-schema.org/draft-07/schema#"
_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string"}
# A value that another one gives, ${training.batch_size}, is text in place of a number.
_INTERPOLATION = {"type": "string", "pattern": r"\$\{"}
_LISTS = {"defaults": {"type": "array", "description": "choices of groups that come first"}}
_HYDRA = {"hydra": {"type": "object", "description": "Hydra's own configuration"}}
# Where the files of a folder are mounted: the keys of these are those of the whole configuration.
_WHOLE = ("experiment", "debug")


def schema_files() -> dict[Path, str]:
    """Returns what the files hold, by their paths."""
    folder = conf_dir()
    whole = _whole()
    found = {folder / "schema.json": whole}
    for group in sorted(item.name for item in folder.iterdir() if item.is_dir()):
        place = "" if group in _WHOLE else f"#/properties/{group}"
        if group == "species":
            place = "#/properties/network/properties/species/additionalProperties"
        found[folder / group / "schema.json"] = {"$ref": f"../schema.json{place}"}
    return {path: json.dumps(content, indent=1) + "\n" for path, content in found.items()}


def _whole() -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for schema in SCHEMAS.values():
        for name, value in _properties(schema).items():
            known = properties.setdefault(name, value)
            if known != value and "properties" not in known:  # of another meaning there
                properties[name] = _either(known, value)
    return {
        "$schema": _DRAFT,
        "title": "Configuration of panna-exp",
        "type": "object",
        "properties": {**_LISTS, **_HYDRA, **properties},
        "additionalProperties": False,
    }


def _either(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Returns what takes either of two values, keys of one name of different commands."""
    said = (first.pop("description"), second["description"])
    return {
        "description": "; or: ".join(dict.fromkeys(said)),
        "anyOf": [*first.get("anyOf", [first]), second],
    }


def _properties(schema: type) -> dict[str, Any]:
    hints = get_type_hints(schema)
    found = {}
    for item in fields(schema):
        value = _value(hints[item.name])
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        if item.name == "species" and get_origin(hints[item.name]) is dict:
            value["additionalProperties"] = _object(SpeciesConfig)
        found[item.name] = {"description": str(item.metadata["help"]), **value}
        if not is_dataclass(default) and default is not None:
            found[item.name]["default"] = default.name if isinstance(default, Enum) else default
    return found


def _object(schema: type) -> dict[str, Any]:
    properties = {**_LISTS, **_properties(schema)}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _value(kind: Any) -> dict[str, Any]:
    """What a type takes."""
    if is_dataclass(kind):
        return _object(kind)  # type: ignore[arg-type]
    if get_origin(kind) in (Union, types.UnionType):
        (inner,) = (item for item in get_args(kind) if item is not type(None))
        value = _value(inner)
        return value if "properties" in value else {"anyOf": [*_choices(value), {"type": "null"}]}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [item.name for item in kind]}
    if kind in _TYPES:
        plain = {"type": _TYPES[kind]}
        return plain if kind is str else {"anyOf": [plain, dict(_INTERPOLATION)]}
    if get_origin(kind) is list:
        (inner,) = get_args(kind)
        items = {"type": "array", "items": _value(inner)}
        return {"anyOf": [items, dict(_INTERPOLATION)]}
    return {"type": "object"} if get_origin(kind) is dict else {}


def _choices(value: dict[str, Any]) -> list[dict[str, Any]]:
    return list(value.get("anyOf", [value]))
