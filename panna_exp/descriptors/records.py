"""What the parameters of all descriptors have in common: records of them, checks, comparison.

``keys`` maps the fields of a class of parameters to PANNA's keys, in the order in which they are
stored and reported. This module needs no torch.
"""

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

from panna_exp.descriptors.panna_keys import is_number
from panna_exp.errors import DataError, closest

# Not a denormal number: those compare as zero once training has the processor flush them.
ABOVE_ZERO = sys.float_info.min
# Centres made from first value and step may pass the cutoff by rounding alone.
_ROUNDING = 1e-9
# Files in which parameters were printed, or converted in float32, agree to this.
_SAME = 1e-6


def record_of(kind: str, parameters: object, keys: Mapping[str, str]) -> dict[str, Any]:
    """Returns a JSON-serialisable record of the parameters, tuples as lists.

    Args:
        kind: The descriptor's type.
        parameters: The object with the fields.
        keys: PANNA's key of each field.
    """
    info: dict[str, Any] = {"type": kind}
    for name, key in keys.items():
        value = getattr(parameters, name)
        info[key] = list(value) if isinstance(value, tuple) else value
    return info


def values_of_record(
    kind: str,
    info: Mapping[str, Any],
    keys: Mapping[str, str],
    problems_of: Callable[[Mapping[str, Any]], list[str]],
    where: str,
) -> dict[str, Any]:
    """Returns the fields that :func:`record_of` wrote, lists as tuples.

    Args:
        kind: The descriptor's type.
        info: The record.
        keys: PANNA's key of each field.
        problems_of: Lists what is out of range in the fields.
        where: What the message names.

    Raises:
        DataError: Another type, unknown or missing keys, values out of range.
    """
    if info.get("type") != kind:
        raise DataError(f"{where}: the descriptor type is {info.get('type')!r}, expected {kind!r}")
    known = ("type", *keys.values())
    problems = [
        f"unknown key '{key}'{closest(str(key), known)}" for key in info if key not in known
    ]
    problems += [f"'{key}' is missing" for key in keys.values() if key not in info]
    values: dict[str, Any] = {}
    if not problems:
        values = {
            name: tuple(info[key]) if isinstance(info[key], (list, tuple)) else info[key]
            for name, key in keys.items()
        }
        problems = problems_of(values)
    if problems:
        raise DataError(f"{where}: {'; '.join(problems)}")
    return values


def differences(first: object, second: object, keys: Mapping[str, str]) -> list[str]:
    """Names the parameters that differ, with both values; empty where they are the same.

    Numbers that agree to a relative 1e-6 count as the same: files print them with fewer digits.
    """
    found = []
    for name, key in keys.items():
        one, other = getattr(first, name), getattr(second, name)
        if not _same(one, other):
            found.append(f"{key} is {_text(one)} and {_text(other)}")
    return found


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    return math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME * 1e-3)


def _text(value: Any) -> str:
    if not isinstance(value, tuple):
        return value if isinstance(value, str) else f"{value:.8g}"
    if len(value) > 1 and not isinstance(value[0], str) and len(set(value)) == 1:
        return f"{len(value)} times {_text(value[0])}"
    return f"[{', '.join(map(_text, value))}]"


def cutoff_problems(values: Mapping[str, Any]) -> list[str]:
    """Lists which of the two cutoffs are no numbers above 0."""
    return [
        f"{key} must be a number above 0, got {values.get(name)!r}"
        for key, name in (("Rc_rad", "cutoff_radial"), ("Rc_ang", "cutoff_angular"))
        if not (is_number(value := values.get(name)) and value > 0)
    ]


def highest_center(values: Mapping[str, Any], cutoff: str) -> float:
    """Returns the cutoff, which no centre lies beyond, or infinity where it is no number."""
    limit = values.get(cutoff)
    return float(limit) if is_number(limit) and limit > 0 else math.inf


def species_problems(species: Any) -> list[str]:
    """Lists what is wrong with the list of symbols."""
    if not isinstance(species, tuple) or not all(isinstance(item, str) for item in species):
        return [f"species must be a list of symbols, got {species!r}"]
    if not species:
        return ["species is empty: name the symbols"]
    if len(set(species)) < len(species):
        doubled = sorted({item for item in species if species.count(item) > 1})
        return [f"species names {', '.join(doubled)} twice"]
    return []


def list_problems(key: str, items: Any, low: float, high: float = math.inf) -> list[str]:
    """Checks that every item lies between ``low`` and ``high`` (with a rounding error's slack)."""
    if not isinstance(items, tuple) or not items:
        return [f"{key} must be a list of numbers, got {items!r}"]
    limits = "above 0" if low > 0 else f"from 0 to {high:.6g}" if math.isfinite(high) else "from 0"
    wrong = [
        (index, item)
        for index, item in enumerate(items)
        if not (is_number(item) and low <= item <= high * (1 + _ROUNDING))
    ]
    return [f"{key}[{index}] must be a number {limits}, got {item!r}" for index, item in wrong[:1]]
