"""A list of runs: rows of text and of JSON, in the order that the user asks for."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from panna_exp.evaluation.tables import Table
from panna_exp.reporting.run import Best, Run

# Overrides that say where a run is recorded, not what it is.
_ELSEWHERE = ("io.train_dir=", "tracking", "hydra.", "hydra/")
_DIGITS = 4


def _by_metric(run: Run) -> tuple[bool, str, float]:
    best = run.best()
    return (True, "", 0.0) if best is None else (False, best.column, best.value)


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


def run_table(runs: Sequence[Run], shown: Callable[[Path], Path]) -> Table:
    """Returns a row a run.

    Args:
        runs: At least one, in order.
        shown: How to write a path.
    """
    bests = [run.best() for run in runs]
    titles = {best.title for best in bests if best is not None}
    header = "best epoch"
    if len(titles) == 1:
        first = next(best for best in bests if best is not None)
        header = f"best {first.label}\n{first.unit}"
    named = any(run.group("config", "tracking").get("run_name") for run in runs)
    rows = []
    for run, best in zip(runs, bests, strict=True):
        row = [
            str(shown(run.path)),
            *([run.name] if named else []),
            str(run.state),
            f"{run.started:%Y-%m-%d %H:%M}",
            _epochs(run),
            _best(best, len(titles) == 1),
            " ".join(key_overrides(run)) or "defaults",
        ]
        rows.append([" ".join(cell.split()) for cell in row])
    names = ["name"] if named else []
    return Table(
        title=f"{len(runs)} run{'' if len(runs) == 1 else 's'}",
        header=["run", *names, "state", "started", "epochs", header, "overrides"],
        rows=rows,
    )


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
            "metric": best.column,
            "label": best.label,
            "unit": best.unit,
            "value": best.value,
            "epoch": best.epoch,
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


def significant(value: float) -> str:
    """Writes a metric with four digits, as long as it has no more before the point."""
    return f"{value:#.{_DIGITS}g}".rstrip(".") if abs(value) < 1000 else f"{value:.0f}"


def _epochs(run: Run) -> str:
    if run.members:
        return f"{len(run.members)} members"
    return str(run.epochs) if run.max_epochs is None else f"{run.epochs}/{run.max_epochs}"


def _best(best: Best | None, same: bool) -> str:
    if best is None:
        return ""
    where = "all members" if best.epoch is None else f"epoch {best.epoch}"
    text = f"{significant(best.value)} ({where})"
    return text if same else f"{best.title} {text}"
