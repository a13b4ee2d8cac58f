"""A list of runs: rows of text and of JSON, in the order that the user asks for."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from panna_exp.evaluation.tables import Table
from panna_exp.quantities import QUANTITIES, with_units
from panna_exp.reporting.run import Best, Run

# Overrides that say where a run is recorded, not what it is.
_ELSEWHERE = ("io.train_dir=", "tracking", "hydra.", "hydra/")
_DIGITS = 4
_SHOWN = ("energy_mae", "force_mae")
_RANKED = ("energy_mae", "energy_rmse", "loss")  # the first that a run has
_LEAST_OVERRIDES = 15


def _by_metric(run: Run) -> tuple[bool, bool, str, float]:
    best = run.best()
    if best is None or not best.values:
        return (True, True, "", 0.0)
    name = next((name for name in _RANKED if name in best.values), next(iter(best.values)))
    return (False, best.part != "validation", name, best.values[name])


# The newest first also among equals; metrics of different kinds are not mixed.
ORDERS: dict[str, Callable[[Run], Any]] = {
    "time": lambda run: 0,
    "metric": _by_metric,
    "name": lambda run: run.name,
    "state": lambda run: str(run.state),
    "epochs": lambda run: -run.epochs,
    "path": lambda run: str(run.path),
}


def ordered(runs: Sequence[Run], order: str) -> list[Run]:
    """Returns the runs by one of ORDERS."""
    newest = sorted(runs, key=lambda run: run.started, reverse=True)
    return sorted(newest, key=ORDERS[order])


def run_table(
    runs: Sequence[Run], shown: Callable[[Path], Path], width: int | None = None
) -> Table:
    """Returns a row per run.

    Args:
        runs: At least one, in order.
        shown: How to write a path.
        width: Of the terminal: columns that have no room are left out, but never that of the
            paths, which are whole. None: as wide as it needs to be.
    """
    bests = [run.best() for run in runs]
    columns: dict[str, list[str]] = {"run": [str(shown(run.path)) for run in runs]}
    if any(run.group("config", "tracking").get("run_name") for run in runs):
        columns["name"] = [run.name for run in runs]
    columns["state"] = [str(run.state) for run in runs]
    columns["started"] = [f"{run.started:%Y-%m-%d %H:%M}" for run in runs]
    columns["epochs"] = [_epochs(run) for run in runs]
    columns["best\nepoch"] = [_best_epoch(best) for best in bests]
    for name in _SHOWN:
        if any(best is not None and name in best.values for best in bests):
            label, unit = QUANTITIES[name].label, QUANTITIES[name].unit
            columns[f"{label}\n{unit}"] = [_value(best, name) for best in bests]
    columns["overrides"] = [" ".join(key_overrides(run)) or "defaults" for run in runs]
    plain = {name: [one_line(cell) for cell in cells] for name, cells in columns.items()}
    if width is not None:
        plain = _fitted(plain, width)
    return Table(
        title=f"{len(runs)} run{'' if len(runs) == 1 else 's'}",
        header=list(plain),
        rows=list(zip(*plain.values(), strict=True)),
        footer=_footer(bests),
        words=("overrides",),
    )


def _fitted(columns: Mapping[str, list[str]], width: int) -> dict[str, list[str]]:
    """Leaves out columns, the least telling first, until the others fit; shortens overrides."""
    kept = dict(columns)

    def room() -> int:
        sizes = (
            max(map(len, [*name.split("\n"), *cells]))
            for name, cells in kept.items()
            if name != "overrides"
        )
        return width - sum(size + 2 for size in sizes) - 2

    for name in ("started", "epochs", "name", "state", "best\nepoch"):
        if room() < (_LEAST_OVERRIDES if name == "started" else 0):
            kept.pop(name, None)
    if room() < _LEAST_OVERRIDES:
        kept.pop("overrides")
    else:
        most = room()
        kept["overrides"] = [
            text if len(text) <= most else f"{text[: most - 1]}…" for text in kept["overrides"]
        ]
    return kept


def _footer(bests: Sequence[Best | None]) -> list[str]:
    """Says which epochs the errors are of, and where they are not of validation data."""
    roles = list(dict.fromkeys(best.role for best in bests if best is not None and best.role))
    lines = []
    if roles:
        lines.append(f"Errors of the epoch that other commands take: {', '.join(roles)}.")
    if any(best is not None and best.part != "validation" for best in bests):
        lines.append("* without validation data: of the training data.")
    return lines


def run_json(run: Run) -> dict[str, Any]:
    """Returns one run for programs; what is not known is null, as are numbers that are not."""
    best = run.best()
    return {
        "directory": str(run.path.resolve()),
        "name": run.name,
        "state": str(run.state),
        "started": run.started.isoformat(timespec="seconds"),
        "epochs": run.epochs,
        "max_epochs": run.max_epochs,
        "members": list(run.members),
        "steps": run.metrics.last_step,
        "best": None
        if best is None
        else {
            "checkpoint": best.role,
            "epoch": best.epoch,
            "data": best.part,
            **with_units(best.values),
        },
        "result": finite(run.result),
        "overrides": run.overrides,
    }


def key_overrides(run: Run) -> list[str]:
    """Returns what was typed, less what only says where the run is recorded."""
    return [item for item in run.overrides if not item.lstrip("+~").startswith(_ELSEWHERE)]


def finite(value: Any) -> Any:
    """Returns the value, however nested, with null for numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {str(name): finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def one_line(text: str) -> str:
    """Returns text in one line, with characters that would steer a terminal shown escaped."""
    joined = " ".join(text.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in joined)


def significant(value: float) -> str:
    """Writes a metric with four digits, as long as it has no more before the point."""
    return f"{value:#.{_DIGITS}g}".rstrip(".") if abs(value) < 1000 else f"{value:.0f}"


def _epochs(run: Run) -> str:
    if run.members:
        return f"{len(run.members)} members"
    return str(run.epochs) if run.max_epochs is None else f"{run.epochs}/{run.max_epochs}"


def _best_epoch(best: Best | None) -> str:
    if best is None or best.epoch is None:
        return ""
    return f"{best.epoch}" if best.role != "last" else f"last, {best.epoch}"


def _value(best: Best | None, name: str) -> str:
    if best is None or name not in best.values:
        return ""
    mark = "" if best.part == "validation" else "*"
    return f"{significant(best.values[name])}{mark}"
