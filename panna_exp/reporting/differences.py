"""What differs between two runs: configuration, data, code and versions, result."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

import numpy as np

from panna_exp.reporting.data_files import PARTS, data_files, starting_files
from panna_exp.reporting.listing import finite
from panna_exp.reporting.records import Metrics, flatten
from panna_exp.reporting.run import Run

# Says only where a run is recorded, which is always another place.
PLACES = ("io.train_dir",)
_HASHES = ("fingerprint", "sha256", "source_sha256", "git_commit")
_HASH_DIGITS = 12
CODE = (
    "panna_exp",
    "source_sha256",
    "python",
    "packages",
    "git_commit",
    "platform",
    "cpus",
    "device",
    "threads",
    "execution",
)
# What a result repeats: the command line, the state, and numbers by the names of sweep.metric.
_NOT_RESULTS = ("overrides", "error", "status", "metric", "metric_name", "metrics", "evaluated")
_LONG_LIST = 6


class Absent:
    """The value of a key that a run does not have."""

    def __repr__(self) -> str:
        return "-"


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Difference:
    """A key and its two values, ABSENT where a run does not have it."""

    key: str
    first: Any
    second: Any

    def to_json(self) -> dict[str, Any]:
        """Returns ``{"a": ..., "b": ...}``, less what is absent."""
        pairs = (("a", self.first), ("b", self.second))
        return {name: finite(value) for name, value in pairs if value is not ABSENT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs side by side.

    Args:
        config: Keys that differ, less ``places``.
        places: Keys that differ and say only where a run is recorded.
        data: What differs in the data.
        code: What differs in versions and machine.
        result: All numbers of both if one differs or the curves do, else nothing.
        epoch: The first in which the learning curves differ, None if they do not.
    """

    config: Sequence[Difference]
    places: Sequence[str]
    data: Sequence[Difference]
    code: Sequence[Difference]
    result: Sequence[Difference]
    epoch: int | None

    @property
    def sections(self) -> dict[str, Sequence[Difference]]:
        """What there is to show, by its name."""
        return {
            "config": self.config,
            "data": self.data,
            "code and versions": self.code,
            "result": self.result,
        }

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not any(self.sections.values())

    def to_json(self) -> dict[str, Any]:
        """Returns the differences by section and key."""
        names = {"code and versions": "code"}
        sections = {
            names.get(name, name): {item.key: item.to_json() for item in items}
            for name, items in self.sections.items()
        }
        return {
            "same": self.is_same,
            **sections,
            "curves_differ_from_epoch": self.epoch,
            "differing_places": list(self.places),
        }


def compare(first: Run, second: Run) -> Comparison:
    """Compares the records of two runs.

    Raises:
        DataError: A record is damaged.
    """
    config = differences(first.config, second.config)
    results = _result_rows(first, second)
    epoch = first_different_epoch(first.metrics, second.metrics)
    return Comparison(
        config=[item for item in config if item.key not in PLACES],
        places=[item.key for item in config if item.key in PLACES],
        data=_data_differences(first, second),
        code=differences(_code(first), _code(second)),
        result=results if epoch is not None or any(map(_differ, results)) else [],
        epoch=epoch,
    )


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """Returns the keys in which nested values differ, in the order of the first."""
    pairs = _pairs(dict(flatten(first)), dict(flatten(second)))
    return [part for item in pairs if _differ(item) for part in _parts(item)]


def text_of(value: Any, key: str = "") -> str:
    """Returns a value as people read it; hashes are shortened."""
    if isinstance(value, str):
        short = key.rpartition(".")[2] in _HASHES and len(value) > _HASH_DIGITS
        return f"{value[:_HASH_DIGITS]}{'+' * value.endswith('+')}" if short else value
    if isinstance(value, float):
        return f"{value:.6g}"
    return repr(value) if value is ABSENT else json.dumps(value, default=str, ensure_ascii=False)


def _pairs(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Difference]:
    for key in dict.fromkeys([*first, *second]):
        yield Difference(key, first.get(key, ABSENT), second.get(key, ABSENT))


def _differ(item: Difference) -> bool:
    a, b = item.first, item.second
    both_nan = isinstance(a, float) and isinstance(b, float) and np.isnan(a) and np.isnan(b)
    # 1 and True, 1 and 1.0 are equal to Python; only the first two mean different things.
    return not both_nan and (a != b or isinstance(a, bool) != isinstance(b, bool))


def _parts(item: Difference) -> Iterator[Difference]:
    """Long lists of the same length differ element by element."""
    a, b = item.first, item.second
    lists = isinstance(a, list) and isinstance(b, list)
    if not lists or len(a) != len(b) or len(a) < _LONG_LIST:
        yield item
        return
    for index, (one, other) in enumerate(zip(a, b, strict=True)):
        part = Difference(f"{item.key}[{index}]", one, other)
        if _differ(part):
            yield part


def _code(run: Run) -> dict[str, Any]:
    return {key: run.environment[key] for key in CODE if key in run.environment}


def _data_differences(first: Run, second: Run) -> list[Difference]:
    found = differences(_data(first), _data(second))
    for part in (*PARTS, "starting"):
        one, other = _files(first, part), _files(second, part)
        paths = Difference(f"{part}.paths", list(one), list(other))
        if _differ(paths):
            found.append(paths)
        for path in sorted(one.keys() & other.keys()):
            if one[path] != other[path]:
                found.append(Difference(f"{part}.files[{path}].sha256", one[path], other[path]))
    return found


def _data(run: Run) -> dict[str, Any]:
    """What the record says of the data, less the files."""
    data = dict(run.group("environment", "data"))
    for part in PARTS:
        group = dict(run.group("environment", "data", part))
        group.pop("files", None)
        data[part] = group or None
    data["descriptor"] = run.environment.get("descriptor")
    return data


def _files(run: Run, part: str) -> dict[str, str]:
    if part not in PARTS:
        return starting_files(run)
    return {str(file.path): file.sha256 for file in data_files(run, part)}


def _result_rows(first: Run, second: Run) -> list[Difference]:
    """Numbers of both, and texts that differ; errors of the last epoch where no result is."""
    values = [_results(run) for run in (first, second)]
    if not (first.result and second.result):
        for run, found in zip((first, second), values, strict=True):
            found |= _last_epoch(run.metrics)
    return [
        item
        for item in _pairs(*values)
        if _differ(item) or not isinstance(item.first, str | None | bool)
    ]


def _results(run: Run) -> dict[str, Any]:
    best = run.best()
    values: dict[str, Any] = {"state": str(run.state), "epochs": run.epochs}
    if best is not None:
        values["best epoch"] = best.epoch
        values |= {best.title(name): value for name, value in best.values.items()}
    given = {name: value for name, value in run.result.items() if name not in _NOT_RESULTS}
    return {**values, **dict(flatten(given))}


def _last_epoch(metrics: Metrics) -> dict[str, Any]:
    if not len(metrics):
        return {}
    return {f"last {name}": float(values[-1]) for name, values in metrics.columns.items()}


def first_different_epoch(first: Metrics, second: Metrics) -> int | None:
    """Returns the first epoch in which the curves of two runs are not equal, None if none is."""
    if set(first.columns) != set(second.columns):
        return 1
    if not first.columns:
        return None
    tables = [
        np.column_stack([item.epochs, *(item.columns[name] for name in sorted(item.columns))])
        for item in (first, second)
    ]
    for one, other in zip_longest(*tables):
        if one is None or other is None or not np.array_equal(one, other, equal_nan=True):
            return int((other if one is None else one)[0])
    return None
