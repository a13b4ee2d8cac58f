"""One run as its directory tells of it: what was asked, what ran, how far it came."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.errors import DataError
from panna_exp.files import parse_json
from panna_exp.quantities import QUANTITIES, VALIDATION_PREFIX
from panna_exp.reporting.records import (
    NO_METRICS,
    Metrics,
    group,
    read_json,
    read_metrics,
    read_yaml,
)
from panna_exp.run_files import (
    COMMITTEE,
    CONFIG,
    ENVIRONMENT,
    JOB,
    JOURNAL,
    LOG,
    METRICS,
    OVERRIDES,
    RESULT,
)
from panna_exp.training.best import best_index, best_role

PLOT = "sweep.png"  # of a sweep
# Of these a run directory has at least one, whatever happened to it; a folder of settings or of
# data has none.
_MARKS = (OVERRIDES, ENVIRONMENT, RESULT, LOG)
_TAIL_BYTES = 4096
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) ")


class State(StrEnum):
    """How far a run came."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    PRUNED = "pruned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The epoch whose networks other commands take by themselves.

    Args:
        role: ``best by validation loss``, or ``last`` where no best one is kept.
        part: ``validation`` or ``training``: what ``values`` are errors on.
        values: By quantity, in the units that people read.
        epoch: Counted from 1; None for a committee, which is evaluated as a whole.
    """

    role: str
    part: str
    values: Mapping[str, float]
    epoch: int | None

    def title(self, name: str) -> str:
        """What to call a quantity: ``validation energy MAE (meV/atom)``."""
        return f"{self.part} {QUANTITIES[name].title}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run directory holds; groups are empty where the run did not come to write them.

    Args:
        path: The run directory.
        state: How far it came.
        config: Resolved configuration, nested.
        overrides: What was typed.
        environment: Versions, data files, machine.
        result: Of a run that ended.
        metrics: By epoch.
        started: Local time of its first message, or of its oldest file.
        members: Names of the folders of a committee's members, none of another run.
    """

    path: Path
    state: State
    config: Mapping[str, Any]
    overrides: list[str]
    environment: Mapping[str, Any]
    result: Mapping[str, Any]
    metrics: Metrics
    started: datetime
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The user's name for it, else that of its folder."""
        given = self.group("config", "tracking").get("run_name")
        return str(given) if given else self.path.resolve().name

    @property
    def max_epochs(self) -> int | None:
        """What it was to train to."""
        value = self.group("config", "training").get("max_epochs")
        return value if isinstance(value, int) else None

    @property
    def epochs(self) -> int:
        """The last epoch that it completed."""
        return int(self.metrics.epochs[-1]) if len(self.metrics) else 0

    def group(self, record: str, *keys: str) -> Mapping[str, Any]:
        """Returns a group of ``config``, ``environment`` or ``result``, empty where it is absent.

        Raises:
            DataError: Something else is in its place.
        """
        names = {"config": CONFIG, "environment": ENVIRONMENT, "result": RESULT}
        found: Mapping[str, Any] = getattr(self, record)
        for key in keys:
            found = group(found, key, str(self.path / names[record]))
        return found

    def best(self) -> Best | None:
        """Returns the best epoch, or the last where no best one is kept; None before there is one.

        Of a committee it is the errors of all members together.
        """
        if self.members:
            values = self.result_values()
            return Best(role="", part="validation", values=values, epoch=None) if values else None
        if not len(self.metrics):
            return None
        validated = any(name.startswith(VALIDATION_PREFIX) for name in self.metrics.columns)
        index, role = self._best_index() if validated else (None, "")
        at = -1 if index is None else index
        prefix = VALIDATION_PREFIX if validated else ""
        columns = self.metrics.columns
        values = {
            item.name: item.factor * float(columns[f"{prefix}{item.column}"][at])
            for item in QUANTITIES.values()
            if item.column and f"{prefix}{item.column}" in columns
        }
        return Best(
            role=role or "last",
            part="validation" if validated else "training",
            values={name: value for name, value in values.items() if np.isfinite(value)},
            epoch=int(self.metrics.epochs[at]),
        )

    def result_values(self) -> dict[str, float]:
        """Returns the errors of the result by quantity, in the units that people read."""
        found: dict[str, float] = {}
        for item in QUANTITIES.values():
            # A version ago energies were not named in their keys.
            for key in (item.key, item.key.removeprefix("energy_")):
                value = self.result.get(key)
                if isinstance(value, int | float) and item.unit:
                    found.setdefault(item.name, float(value))
        return found

    def _best_index(self) -> tuple[int | None, str]:
        """Returns the row of the best epoch, by what the run recorded or by its curve."""
        training = self.group("config", "training")
        monitor = str(training.get("monitor", "loss"))
        if self.group("config", "io").get("keep_best", True) is not True:
            return None, ""
        role = best_role(monitor)
        epoch = self.result.get("epoch")
        if self.state is State.FINISHED and self.result.get("checkpoint_is") == role:
            rows = np.flatnonzero(self.metrics.epochs == epoch)
            if len(rows):
                return int(rows[-1]), role
        column = f"{VALIDATION_PREFIX}{QUANTITIES[monitor].column}" if monitor in QUANTITIES else ""
        values = self.metrics.columns.get(column)
        if values is None:
            return None, ""
        delta = training.get("min_delta", 0.0)
        index = best_index(values.tolist(), delta if isinstance(delta, int | float) else 0.0)
        return index, "" if index is None else role


def is_run(path: Path) -> bool:
    """Whether the folder is that of a run, sound or damaged."""
    return not is_committee(path) and any((path / name).is_file() for name in _MARKS)


def is_committee(path: Path) -> bool:
    """Whether the folder is that of a committee (``training.seeds``), whose runs are below it."""
    return (path / COMMITTEE).is_file()


def is_sweep(path: Path) -> bool:
    """Whether the folder is that of a sweep, whose jobs are below it."""
    return next(path.glob(f"*/{JOB}"), None) is not None


def read_run(path: Path, running: bool) -> Run:
    """Reads a run directory.

    Args:
        path: The folder.
        running: Whether a training has it locked at this moment.

    Raises:
        DataError: A file of it is damaged, or its configuration is missing.
        OSError: A file cannot be read.
    """
    members = _members(path)
    member = path / members[0] if members else path
    configs = [item / CONFIG for item in (path, member) if (item / CONFIG).exists()]
    config = read_yaml(configs[0]) if configs else {}
    result = _optional(path / RESULT, dict, {})
    if not config and not running and result.get("status") != "FAILED":
        raise DataError(f"{path}: the run directory has no {CONFIG}: it is incomplete")
    overrides = _optional(path / OVERRIDES, list, None)
    metrics = read_metrics(path / METRICS) if (path / METRICS).exists() else NO_METRICS
    run = Run(
        path=path,
        state=State.RUNNING if running else _state(path, result, overrides, metrics),
        config=config,
        overrides=[str(item) for item in overrides or _overrides(path, result)],
        environment=_optional(member / ENVIRONMENT, dict, {}),
        result=result,
        metrics=metrics,
        started=_started(path),
        members=members,
    )
    # What every command looks at, so that a damaged record is found here.
    for keys in (("config", "tracking"), ("config", "training"), ("config", "data")):
        run.group(*keys)
    return run


def _members(path: Path) -> tuple[str, ...]:
    if not is_committee(path):
        return ()
    names = read_json(path / COMMITTEE, dict).get("members")
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise DataError(f"{path / COMMITTEE}: members: expected names of folders, found {names!r}")
    return tuple(names)


def _optional(path: Path, kind: Any, otherwise: Any) -> Any:
    return read_json(path, kind) if path.exists() else otherwise


def _overrides(path: Path, result: Mapping[str, Any]) -> list[Any]:
    """What a job was given that failed before it could record anything."""
    given = result.get("overrides", [])
    if not isinstance(given, list):
        raise DataError(f"{path / RESULT}: 'overrides': expected a list, found {given!r:.60}")
    return given


def _state(
    path: Path, result: Mapping[str, Any], overrides: list[Any] | None, metrics: Metrics
) -> State:
    """How a run ended that nobody is working on."""
    status = result.get("status")
    if status == "FAILED":
        return State.FAILED
    if status is None:
        return State.FAILED if _last_status(path / JOURNAL) == "FAILED" else State.STOPPED
    # A result stays when a run is trained on: it is that of the run only while nothing came after.
    step = result.get("step")
    newer = isinstance(step, int) and metrics.last_step > step
    other = overrides is not None and result.get("overrides", overrides) != overrides
    if newer or other:
        return State.STOPPED
    return State.PRUNED if status == "PRUNED" else State.FINISHED


def _last_status(journal: Path) -> str | None:
    """Returns how the last session ended by the trackers' journal, None if it was killed."""
    if not journal.exists():
        return None
    with journal.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL_BYTES))
        last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
    try:
        event = parse_json(last)
    except ValueError:
        return None  # a line cut short: the run was killed
    status = event.get("status") if isinstance(event, dict) else None
    return status if isinstance(status, str) else None


def _started(path: Path) -> datetime:
    log = path / LOG
    if log.exists():
        with log.open(errors="replace") as file:
            first = time_of(file.readline())
        if first is not None:
            return first
    oldest = min((item.stat().st_mtime for item in path.iterdir()), default=path.stat().st_mtime)
    return datetime.fromtimestamp(oldest)


def time_of(line: str) -> datetime | None:
    """Returns the local time of a line of train.log, None for a line without."""
    stamp = _STAMP.match(line)
    if stamp is None:
        return None
    try:
        return datetime.strptime(stamp[1], "%Y-%m-%d %H:%M:%S,%f")
    except ValueError:  # digits, but no date
        return None
