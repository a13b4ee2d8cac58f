"""From the text of a value to what it means; each mistake is one sentence with file and line."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from panna_exp.config import lists
from panna_exp.config.validation.training import LOSSES
from panna_exp.errors import ConfigError, closest
from panna_exp.panna_ini.text import Entry, shorten

Converter = Callable[[Entry], Any]

_BOOLEANS = {
    **dict.fromkeys(("1", "yes", "true", "on"), True),
    **dict.fromkeys(("0", "no", "false", "off"), False),
}
_MAX_ITEMS = 1000


def converter(words: str) -> Converter:
    """Returns the converter that the table of keywords names, such as ``whole >= 1``.

    Args:
        words: A name of ``_NAMED``, or ``whole`` or ``number`` with limits (after a colon, what is
            expected in a message's words), or ``one of`` or ``some of`` with names (``name=value``
            where it is replaced).
    """
    if words in _NAMED:
        return _NAMED[words]
    limits, _, expected = words.partition(": ")
    kind, *rest = limits.split()
    if kind == "whole" and rest == ["or", "none"]:
        return whole_or_none(expected)
    if kind == "whole":
        return whole(int(rest[1]), expected)
    if kind == "positive":
        return positive_or_none(expected)
    if kind == "number":
        signs = dict(zip(rest[::2], map(float, rest[1::2]), strict=True))
        return number(*(signs.get(sign, end) for sign, end in _LIMITS.items()))
    known, _, items = words.partition(" of ")
    pairs = [item.partition("=") for item in items.split(", ")]
    table = {name: _plain(value) if sign else name for name, sign, value in pairs}
    return one_of(**table) if known == "one" else some_of(*table)


def _plain(text: str) -> str | int:
    return int(text) if text.isdigit() else text


def mistake(entry: Entry, expected: str) -> ConfigError:
    """Returns the error for a value that is not what it should be."""
    hint = ""
    if " #" in entry.value or " ;" in entry.value:
        hint = " (comments need a line of their own: what follows a value belongs to it)"
    elif "\n" in entry.value:
        hint = " (the next lines are indented further than the key, so they continue its value)"
    return ConfigError(f"{entry.where} = {shorten(entry.value)}: expected {expected}{hint}")


def text(entry: Entry) -> str:
    """Returns the value as it is, on one line and not empty."""
    if not entry.value:
        raise ConfigError(f"{entry.where} is empty")
    if "\n" in entry.value:
        raise mistake(entry, "one line")
    if "${" in entry.value:
        raise mistake(entry, "a name without '${', which refers to other keys in a configuration")
    return entry.value


def three_booleans(entry: Entry) -> list[bool]:
    """Returns three truth values, separated by commas, colons or blanks."""
    words = entry.value.replace(",", " ").replace(":", " ").lower().split()
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if len(words) != 3 or not set(words) <= set(known):
        raise mistake(entry, "three of True and False")
    return [known[word] for word in words]


def whole(least: int, expected: str = "") -> Converter:
    """Returns a converter to whole numbers of at least ``least``."""

    def convert(entry: Entry) -> int:
        wanted = expected or f"a whole number from {least}"
        try:
            value = int(entry.value)
        except ValueError:
            raise mistake(entry, wanted) from None
        if not least <= value < 2**63:
            raise mistake(entry, wanted)
        return value

    return convert


def whole_or_none(expected: str) -> Converter:
    """Returns a converter to whole numbers from 0, None for -1."""
    convert = whole(-1, expected)
    return lambda entry: convert(entry) if convert(entry) >= 0 else None


def positive_or_none(expected: str) -> Converter:
    """Returns a converter to whole numbers from 1, None for 0 and -1."""
    convert = whole(-1, expected)
    return lambda entry: convert(entry) if convert(entry) > 0 else None


def step_or_last(entry: Entry) -> str:
    """Returns ``step_S`` of a step, ``last`` of -1."""
    step = whole(-1, "a step, or -1 for the last")(entry)
    return "last" if step < 0 else f"step_{step}"


def number(
    least: float = -math.inf, above: float = -math.inf, below: float = math.inf
) -> Converter:
    """Returns a converter to finite numbers of at least ``least``, above and below the others."""
    limits = [
        word
        for word, limit in (
            (f"from {least:g}", least),
            (f"above {above:g}", above),
            (f"below {below:g}", below),
        )
        if math.isfinite(limit)
    ]
    wanted = " ".join(["a number", *limits])

    def convert(entry: Entry) -> float:
        value = _float(entry.value)
        if value is None or not (least <= value and above < value < below):
            raise mistake(entry, wanted)
        return value

    return convert


def boolean(entry: Entry) -> bool:
    """Returns a truth value, spelled as configparser allows."""
    value = _BOOLEANS.get(entry.value.lower())
    if value is None:
        raise mistake(entry, "True or False")
    return value


def one_of(*known: str, **translated: Any) -> Converter:
    """Returns a converter that takes ``known`` as they are and replaces others."""
    table: dict[str, Any] = {**{item: item for item in known}, **translated}

    def convert(entry: Entry) -> Any:
        if entry.value not in table:
            hint = closest(shorten(entry.value), table)
            raise mistake(entry, f"one of {', '.join(table)}{hint}")
        return table[entry.value]

    return convert


def names(entry: Entry) -> list[str]:
    """Returns the items of a comma separated list."""
    return _items(entry, ",", "a comma separated list")


def some_of(*known: str) -> Converter:
    """Returns a converter to a list of ``known`` names."""

    def convert(entry: Entry) -> list[str]:
        items = names(entry)
        for item in items:
            if item not in known:
                hint = closest(shorten(item), known)
                raise mistake(entry, f"any of {', '.join(known)}{hint}")
        return items

    return convert


def numbers(entry: Entry) -> list[float]:
    """Returns the items of a comma separated list of finite numbers."""
    values = [_float(item) for item in _items(entry, ",", "comma separated numbers")]
    found = [value for value in values if value is not None]
    if len(found) < len(values):
        raise mistake(entry, "comma separated numbers")
    return found


def number_or_numbers(entry: Entry) -> Any:
    """Returns a number, or a list where there are several."""
    values = numbers(entry)
    return values[0] if len(values) == 1 else values


def fractions(entry: Entry) -> list[float]:
    """Returns comma separated numbers from 0 to below 1."""
    values = numbers(entry)
    if not all(0 <= value < 1 for value in values):
        raise mistake(entry, "comma separated numbers from 0 to below 1")
    return values


def sizes(entry: Entry) -> list[int]:
    """Returns layer sizes from ``128:32:1``."""
    return list(_layers(entry, lists.parse_sizes, "layer sizes such as 128:32:1"))


def flags(entry: Entry) -> list[bool]:
    """Returns one flag per layer from ``1:1:0``."""
    return list(_layers(entry, lists.parse_flags, "one 1 or 0 per layer such as 1:1:0"))


def activations(entry: Entry) -> list[str]:
    """Returns the names of activations from ``1:1:0`` or ``gaussian:linear``."""
    known = "one activation per layer such as 1:1:0 (linear 0, gaussian 1, rbf 2, relu 3, tanh 4)"
    return [item.name for item in _layers(entry, lists.parse_activations, known)]


def behavior(entry: Entry) -> list[str]:
    """Returns ``load``, ``new`` or ``keep`` for each layer."""
    return list(_layers(entry, lists.parse_behavior, "load or new per layer such as load:new:new"))


def _layers(entry: Entry, parse: Callable[[Any, str], Sequence[Any]], expected: str) -> Any:
    items = _items(entry, ":", expected)
    try:
        return parse(":".join(items), entry.where)
    except (ConfigError, OverflowError):
        raise mistake(entry, expected) from None


def _items(entry: Entry, separator: str, expected: str) -> list[str]:
    items = [item.strip() for item in entry.value.split(separator)]
    if not all(items) or len(items) > _MAX_ITEMS or any("\n" in item for item in items):
        raise mistake(entry, expected)
    return items


def _float(value: str) -> float | None:
    try:
        result = float(value)
    except ValueError:
        return None
    return result if math.isfinite(result) else None


_LIMITS = {">=": -math.inf, ">": -math.inf, "<": math.inf}
_NAMED: dict[str, Converter] = {
    **dict.fromkeys(("text", "path", "paths"), text),
    "boolean": boolean,
    "three booleans": three_booleans,
    "step or last": step_or_last,
    "names": names,
    "numbers": numbers,
    "number or numbers": number_or_numbers,
    "fractions": fractions,
    "sizes": sizes,
    "flags": flags,
    "activations": activations,
    "behavior": behavior,
    "loss": one_of(*dict.fromkeys((*LOSSES[2], *LOSSES[1]))),
}
