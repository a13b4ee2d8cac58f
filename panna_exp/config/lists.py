"""Per-layer options: a list, or PANNA's colon separated string, made into one kind of value."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from panna_exp.errors import ConfigError, NetworkError
from panna_exp.networks.layers import Activation

Item = TypeVar("Item")
LARGEST_LAYER = 100_000  # more would take all memory


def parse_sizes(value: Any, key: str) -> tuple[int, ...]:
    """Returns layer sizes, e.g. from ``[128, 32, 1]`` or ``"128:32:1"``."""
    return _parse(value, key, _size, "[128, 32, 1]")


def parse_flags(value: Any, key: str) -> tuple[bool, ...]:
    """Returns per-layer flags, e.g. from ``[true, false]`` or ``"1:0"``."""
    return _parse(value, key, _flag, "[true, true, false]")


def parse_activations(value: Any, key: str) -> tuple[Activation, ...]:
    """Returns per-layer activations, e.g. from ``[gaussian, linear]`` or ``"1:0"``."""
    return _parse(value, key, Activation.parse, "[gaussian, gaussian, linear]")


def parse_behavior(value: Any, key: str) -> tuple[str, ...]:
    """Returns ``load``, ``new`` or ``keep`` per layer, e.g. from ``"load:new:new"``."""
    return _parse(value, key, _behavior, "[load, new, new]")


def _parse(value: Any, key: str, convert: Callable[[Any], Item], sample: str) -> tuple[Item, ...]:
    try:
        return tuple(convert(item) for item in _items(value, key, sample))
    except (ValueError, TypeError, OverflowError, NetworkError) as error:
        raise ConfigError(f"{key}: {error}, expected a list such as {sample}") from None


def _items(value: Any, key: str, sample: str) -> Sequence[Any]:
    if isinstance(value, str):
        return [item.strip() for item in value.split(":")]
    if isinstance(value, bool | int | float):
        raise ConfigError(
            f"{key} is the number {value}, expected a list such as {sample}: YAML reads an "
            "unquoted a:b:c as a base-60 number (128:32:1 is 462721), so write a list or quote it"
        )
    if isinstance(value, Sequence) and value:
        return value
    raise ConfigError(f"{key} is {value!r}, expected a list such as {sample}")


def _size(item: Any) -> int:
    if isinstance(item, bool) or int(item) != float(item) or int(item) < 1:
        raise ValueError(f"layer size {item!r} is not a positive whole number")
    if int(item) > LARGEST_LAYER:
        raise ValueError(f"layer size {item!r} is more than {LARGEST_LAYER}")
    return int(item)


def _flag(item: Any) -> bool:
    known = {"1": True, "true": True, "0": False, "false": False}
    text = str(item).lower()
    if text not in known:
        raise ValueError(f"flag {item!r} is neither true (1) nor false (0)")
    return known[text]


def _behavior(item: Any) -> str:
    if item not in ("load", "new", "keep"):
        raise ValueError(f"behavior {item!r} is none of load, new, keep")
    return str(item)
