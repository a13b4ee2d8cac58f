"""Options and choices that have another name now; the old one works, and the new one is said."""

import re
import sys
from collections.abc import Mapping
from typing import Any

# Of keys (``group.old`` -> ``group.new``) and of choices (``key=old`` -> ``key=new``, where key is
# the new one). One line here is all that a new name takes: the command line, a user's YAML files
# and the records of earlier runs go through this table.
RENAMED: dict[str, str] = {
    "execution=eager": "execution=torch",
    "execution=loops": "execution=numba",
    "execution=compile": "execution=torch",
    "descriptor_kernel=tensor": "descriptor_kernel=torch",
    "descriptor_kernel=compiled": "descriptor_kernel=numba",
    **{
        f"sweep.metric={part}/{old}": f"sweep.metric={part}/{new}"
        for part in ("validation", "train")
        for old, new in (
            ("MAE", "energy_mae"),
            ("RMSE", "energy_rmse"),
            ("force_MAE", "force_mae"),
            ("force_RMSE", "force_rmse"),
        )
    },
}
# What there is no more, and why; the row above says what is taken instead.
REMOVED = {"execution=compile": "torch.compile made slower steps"}

_said: set[str] = set()


def renamed_override(text: str) -> str:
    """Returns an override of the command line under today's names.

    Args:
        text: E.g. ``+execution=old``, ``key=old,other`` (a sweep) or ``~key``.
    """
    found = re.match(r"([+~]*)([^=@]*)(@[^=]*)?(=.*)?$", text, re.DOTALL)
    assert found is not None
    sign, key, package, value = (part or "" for part in found.groups())
    key = _key(key)
    for choice, other in _choices(key).items():
        value, times = re.subn(rf"(?<![\w.:/-]){re.escape(choice)}(?![\w.:/-])", other, value)
        if times:
            _say(f"{key}={choice}", f"{key}={other}")
    return f"{sign}{key}{package}{value}"


def renamed_values(
    values: Mapping[Any, Any], package: str = "", *, recorded: bool = False
) -> dict[Any, Any]:
    """Returns a configuration, or a part of it, under today's names.

    Args:
        values: Nested plain values.
        package: Where they belong, e.g. ``training``; empty for a whole configuration.
        recorded: They are of a record of the program's own, and nobody is told.
    """
    result: dict[Any, Any] = {}
    _fill(result, values, [], package, not recorded)
    return result


def renamed_choice(key: str, value: str) -> str:
    """Returns today's name of a choice that a record of the program's own names."""
    return _choices(key).get(value, value)


def _fill(
    result: dict[Any, Any], values: Mapping[Any, Any], place: list[Any], package: str, say: bool
) -> None:
    """Puts values into their places in ``result``, which is what belongs to ``package``."""
    for name, value in values.items():
        path = [*place, name]
        old = ".".join(str(part) for part in ([package] if package else []) + path)
        key = _key(old, say=say)
        inside = key.removeprefix(f"{package}.") if package else key
        if key != old and (not package or inside != key):
            path = list(inside.split("."))
        if isinstance(value, Mapping) and value:
            _put(result, path, {}, keep=True)
            _fill(result, value, [*place, name], package, say)
            continue
        if isinstance(value, str) and value in (choices := _choices(key)):
            if say:
                _say(f"{key}={value}", f"{key}={choices[value]}")
            value = choices[value]
        _put(result, path, value)


def current_key(key: str) -> str:
    """Returns today's name of a key or of one below it."""
    return _key(key, say=False)


def current_choice(key: str, value: Any) -> Any:
    """Returns today's name of a choice.

    Args:
        key: Under today's name.
        value: Of it, renamed or not.
    """
    return _choices(key).get(value, value) if isinstance(value, str) else value


def _key(key: str, *, say: bool = True) -> str:
    """Today's name of a key or of one below it."""
    for old, new in RENAMED.items():
        if "=" not in old and (key == old or key.startswith(f"{old}.")):
            if say:
                _say(old, new)
            return new + key.removeprefix(old)
    return key


def _choices(key: str) -> dict[str, str]:
    """Today's names of the choices of a key, by the old ones."""
    pairs = ((old.partition("="), new.partition("=")) for old, new in RENAMED.items())
    return {old[2]: new[2] for old, new in pairs if old[1] and old[0] == key}


def _put(values: dict[Any, Any], path: list[Any], value: Any, *, keep: bool = False) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    if not (keep and path[-1] in values):
        values[path[-1]] = value


def _say(old: str, new: str) -> None:
    """Names the new name, once per process."""
    if old not in _said:
        _said.add(old)
        text = f"is now called {new}"
        if old in REMOVED:
            text = f"was removed ({REMOVED[old]}): {new} is used instead"
        print(f"note: {old} {text}", file=sys.stderr)
