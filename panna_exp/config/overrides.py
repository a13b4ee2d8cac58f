"""Overrides of the command line: every mistake at once, and what Hydra's grammar would misread."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    QuotedString,
    RangeSweep,
    ValueType,
)
from hydra.errors import HydraException

from panna_exp.config.arguments import Arguments
from panna_exp.config.describe import choices, has_choice, is_group
from panna_exp.config.hydra_keys import typed_problem
from panna_exp.config.keys import is_open, is_text, key_problem, mistake, type_of
from panna_exp.config.renamed import renamed_override
from panna_exp.config.store import plugin_choices
from panna_exp.errors import closest
from panna_exp.quoting import key_of, quoted, shown
from panna_exp.quoting import override as override_of

SEARCH = "hydra/sweeper=optuna"
MOST_JOBS = 100_000
LAUNCHERS = ("joblib", "submitit_local", "submitit_slurm")  # of the extra "sweep"


@dataclass(slots=True)
class Checked:
    """Overrides as Hydra is to get them.

    Args:
        good: Those without mistakes.
        problems: One sentence per mistake.
    """

    good: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def check_overrides(config_name: str, given: Arguments) -> Checked:
    """Looks at each override by itself.

    Args:
        config_name: Of the command whose keys they are.
        given: The command's arguments.
    """
    checked = Checked()
    named = given.values.get("--config-dir")
    folder = None if named is None else Path(named)
    searched = SEARCH in given.overrides
    for text in given.overrides:
        override = _parsed(text, checked.problems)
        if override is None:
            continue
        found = list(_problems(config_name, override, given.several, searched, folder))
        checked.problems += found
        if not found:
            checked.good.append(_for_hydra(override))
    return checked


def _parsed(text: str, problems: list[str]) -> Override | None:
    if "=" not in text and not text.startswith("~"):
        problems.append(f"'{shown(text)}' is not a key=value override")
        return None
    text = renamed_override(text)
    try:
        return OverridesParser.create().parse_override(text)
    except (HydraException, RecursionError):
        key, _, value = text.partition("=")
        if _is_bare_text(key, value):  # e.g. a path with spaces, or ~/runs
            return OverridesParser.create().parse_override(override_of(key, value))
        key = shown(key)
        problems.append(
            f"'{shown(text)}' cannot be read as key=value: quote values with special characters, "
            f"e.g. '{key}=\"my file.h5\"'"
        )
        return None


def _is_bare_text(key: str, value: str) -> bool:
    """Tells whether a value that Hydra cannot read can only be meant as text."""
    words = key_of(f"{key}=").split(".")
    return is_text(words) and "${" not in value and value[:1] not in ("", "[", "{", "'", '"')


def _problems(
    config_name: str, override: Override, several: bool, searched: bool, folder: Path | None
) -> Iterator[str]:
    text = str(override.input_line)
    key = override.key_or_group
    value = shown(text.partition("=")[2])
    place = key if override.package is None else f"{key}@{override.package}"
    hydra = typed_problem(place, value)
    if hydra:
        yield hydra
        return
    if override.is_sweep_override() and not several:
        yield _needs_several(override, key, value)
        return
    if override.is_interval_sweep() and not searched:
        yield f"{text}: an interval needs {SEARCH}; otherwise name the values: 1,2,3"
        return
    if key.split("/")[0] == "hydra" or key.startswith("hydra."):
        yield from _hydra_choice(key, value, folder)
    elif is_group(key, folder):
        yield from _group_problems(override, key, folder)
    else:
        yield from _key_problems(config_name, override, key)


def _needs_several(override: Override, key: str, value: str) -> str:
    if override.value_type is ValueType.SIMPLE_CHOICE_SWEEP:
        return (
            f"{key}={value}: several values: write a list, '{key}=[{value}]', or add -m to run a "
            "job with each"
        )
    return f"{key}={value}: is of a sweep: add -m to run a job with each value"


def _hydra_choice(key: str, value: str, folder: Path | None) -> Iterator[str]:
    known = plugin_choices(key) if "/" in key else []
    if key == "hydra/launcher" and value in LAUNCHERS and value not in known:
        yield f"{key}={value}: needs a package: pip install 'panna-exp[sweep]'"
    elif known and value not in known and not has_choice(key, value, folder):
        yield f"{key}={value}: expected one of {', '.join(known)}{closest(value, known)}"


def _group_problems(override: Override, group: str, folder: Path | None) -> Iterator[str]:
    if override.is_delete():
        return
    for value in _each(override):
        for item in value if isinstance(value, list) else [value]:
            if item is None and group in ("experiment", "debug", "descriptor"):
                continue
            if not isinstance(item, str) or not has_choice(group, item, folder):
                known = choices(group, folder)
                said = "null" if item is None else shown(item)
                yield (f"{group}={said}: expected one of {', '.join(known)}{closest(said, known)}")


def _key_problems(config_name: str, override: Override, key: str) -> Iterator[str]:
    words = key.split(".")
    refused = key_problem(key, config_name)
    if refused:
        yield f"{shown(key)}: {refused}"
        return
    if override.is_delete():
        if not is_open(words):
            yield f"~{key}: no option can be removed: leave it out, or set it to null"
        return
    jobs = _jobs_of_range(override.value())
    if jobs > MOST_JOBS:
        yield f"{override.input_line}: is {jobs} jobs: expected at most {MOST_JOBS}"
        return
    for value in _each(override):
        if value is None or type_of(words) is not str or isinstance(value, list | dict):
            problem = mistake(words, value)
            if problem:
                yield f"{key}={_written(value)}: {problem}"


def _jobs_of_range(value: Any) -> int:
    if not isinstance(value, RangeSweep) or value.start is None or value.stop is None:
        return 0
    return math.ceil(abs(value.stop - value.start) / (abs(value.step) or 1))


def _each(override: Override) -> Iterator[Any]:
    """Yields the values of an override: of a sweep all, of an interval its limits."""
    value = override.value()
    if isinstance(value, IntervalSweep):
        yield from (value.start, value.end)
    elif isinstance(value, ChoiceSweep):
        yield from (_plain(item) for item in value.list)
    elif isinstance(value, RangeSweep):
        yield value.start
    elif override.is_sweep_override():
        return  # a glob: its choices are what there is
    else:
        yield value


def _plain(value: Any) -> Any:
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else shown(value)


def for_hydra(text: str) -> str:
    """Returns an override that is right as Hydra is to get it."""
    return _for_hydra(OverridesParser.create().parse_override(text))


def _for_hydra(override: Override) -> str:
    """An override whose text values are quoted, and with the + that Hydra wants, or without.

    Hydra distinguishes changing and adding a key: ``+training.batch_size=1`` is refused by it, and
    so is a symbol's key without ``++``. A folder called 1e-4 is read by it as a number.
    """
    text = str(override.input_line)
    key, equals, value = text.partition("=")
    bare = key.lstrip("+")
    words = bare.split(".")
    if bare == "experiment":
        return f"{bare}{equals}{value}"
    if type_of(words) is None or is_group(bare):
        return text
    if override.value_type is not None and is_text(words) and value:
        value = _as_text(override, value)
    return f"{'++' if is_open(words) else ''}{bare}{equals}{value}"


def _as_text(override: Override, written: str) -> str:
    value = override.value()
    if isinstance(value, bool | int | float):
        return quoted(written.strip())
    if isinstance(value, ChoiceSweep) and value.simple_form and _are_scalars(value.list):
        return ",".join(quoted(item.strip()) for item in written.split(","))
    return written


def _are_scalars(values: list[Any]) -> bool:
    return all(isinstance(item, bool | int | float | str) for item in values)
