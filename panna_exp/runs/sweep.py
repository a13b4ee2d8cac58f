"""The results of a sweep's jobs: each leaves result.json in its folder; they are ranked.

The metrics that ``sweep.metric`` names are in meV/atom and eV/A, or the loss as it is.
"""

import json
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from panna_exp.config.schema import SweepConfig
from panna_exp.errors import DataError
from panna_exp.evaluation.tables import Table
from panna_exp.files import read_json, write_text_atomic
from panna_exp.quantities import QUANTITIES
from panna_exp.quoting import shell_line
from panna_exp.run_files import RESULT
from panna_exp.runs.command_line import program

# Before quantities had one name each; results of that time are still ranked.
_EARLIER = {
    "energy_mae": "MAE",
    "energy_rmse": "RMSE",
    "force_mae": "force_MAE",
    "force_rmse": "force_RMSE",
}
# Options that make the losses of two trainings numbers of different kinds.
_OF_THE_LOSS = (
    *("experiment", "training", "training.panna_version", "training.loss_function"),
    *("training.energy_weight", "training.energy_reduction", "training.energy_prefactor"),
    *("training.energy_rescale", "training.forces_cost", "training.floss_function"),
    *("training.huber_delta", "training.force_huber_delta"),
    *("training.force_weights", "training.force_reduction", "training.virial_cost"),
    *("training.wscale_l1", "training.wscale_l2", "training.bscale_l1", "training.bscale_l2"),
    "training.monitor",
)
_OTHERWISE = "energy_mae"

FINISHED, PRUNED, FAILED = "FINISHED", "PRUNED", "FAILED"
# Groups that do not make it another job.
FREE_GROUPS = ("io", "tracking", "sweep")
_ORDER = {FINISHED: 0, PRUNED: 1}
_SHOWN = ("validation/energy_mae", "validation/force_mae", "train/energy_mae")  # of a table


def write_result(run_dir: Path, overrides: Sequence[str], values: dict[str, Any]) -> None:
    """Writes a run's result: status, metrics and numbers."""
    record = {"overrides": list(overrides), **values}
    write_text_atomic(run_dir / RESULT, json.dumps(record, indent=1) + "\n")


def read_result(run_dir: Path) -> dict[str, Any] | None:
    """Returns a run's result, None where it has none yet.

    Raises:
        DataError: The file is not a result.
    """
    path = run_dir / RESULT
    if not path.exists():
        return None
    try:
        result = read_json(path)
    except ValueError:
        result = None
    if not isinstance(result, dict) or not {"status", "overrides"} <= result.keys():
        raise DataError(
            f"{path}: expected a JSON object with status and overrides: remove it, and the job is "
            "finished anew from its checkpoint"
        )
    return result


def has_status(run_dir: Path, status: str) -> bool:
    """Whether a run has ended, and so.

    Raises:
        DataError: Its result is not a result.
    """
    result = read_result(run_dir)
    return result is not None and result["status"] == status


def report_failure(run_dir: Path, overrides: Sequence[str], error: Exception) -> None:
    """Names a failed job at once; the other jobs go on."""
    values = {"status": FAILED, "error": str(error) or type(error).__name__}
    print(failure_line({"overrides": overrides, **values}), file=sys.stderr, flush=True)
    run_dir.mkdir(parents=True, exist_ok=True)
    write_result(run_dir, overrides, values)


def failure_line(result: Mapping[str, Any]) -> str:
    """Returns what is said at once of a job that failed."""
    return f"error: job {' '.join(result['overrides'])}: {result.get('error', 'unknown')}"


def _failures(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns why jobs failed, a line each."""
    return [
        f"{Path(item['directory']).name} failed: "
        f"{'; '.join(str(item.get('error', 'unknown')).splitlines())}"
        for item in results
        if item["status"] == FAILED
    ]


def read_results(folder: Path, metric: str) -> list[dict[str, Any]]:
    """Returns the results of the jobs in a sweep's folder, best first, failed ones last.

    Args:
        folder: The sweep's.
        metric: What they are ranked by: a name of ``sweep.metric``.
    """
    results = []
    for path in folder.glob(f"*/{RESULT}"):
        values = read_result(path.parent)
        if values is None:
            continue
        results.append(
            {**values, "metric": metric_of(values, metric), "directory": str(path.parent)}
        )
    return sorted(results, key=_rank)


def metric_of(result: dict[str, Any], metric: str) -> float | None:
    """Returns a metric of a result, None where it has none of that name."""
    return metric_value(result.get("metrics", {}), metric)


def best_of(results: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Returns the best job that was trained to the end, of ranked results."""
    is_best = bool(results) and results[0]["status"] == FINISHED
    return results[0] if is_best and results[0]["metric"] is not None else None


def command_of(result: dict[str, Any]) -> str:
    """Returns the command that trains what a job has trained, in a run of its own."""
    places = ("sweep.", "io.train_dir=")
    kept = [item for item in result["overrides"] if not item.lstrip("+").startswith(places)]
    return shell_line([*program(), "train", *kept])


def swept_overrides(results: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Returns of each job's overrides those in which the jobs differ, and by which they may."""
    common = set.intersection(*(set(item["overrides"]) for item in results))
    return [
        [text for text in item["overrides"] if text not in common and not _is_free(text)]
        for item in results
    ]


def metric_label(metric: str, results: Sequence[dict[str, Any]]) -> str:
    """Returns a metric's name with its unit, and with ``training`` where nothing was validated."""
    part, _, name = metric.partition("/")
    if part == "validation" and any(item.get("evaluated") == "training" for item in results):
        part = "training"
    return f"{part} {QUANTITIES[name].title}"


def ranked_table(results: Sequence[dict[str, Any]], metric: str) -> Table:
    """Returns a table of jobs with the overrides in which they differ, and why some failed.

    Errors of energies and of forces are shown whichever of them jobs are ranked by.
    """
    shown = [metric, *(name for name in _SHOWN if name != metric and _has(results, name))]
    rows = []
    for number, (item, swept) in enumerate(zip(results, swept_overrides(results), strict=True), 1):
        rows.append(
            (
                str(number),
                " ".join(swept) or "defaults",
                item["status"],
                *(_number(metric_of(item, name)) for name in shown),
                Path(item["directory"]).name,
            )
        )
    titles = [metric_label(name, results).replace(" (", "\n(") for name in shown]
    chosen = {str(item.get("checkpoint_is") or "last") for item in results if "metrics" in item}
    footer = [f"Ranked by {metric_label(metric, results)} ({metric})."]
    if chosen:
        footer.append(f"Errors are those of each job's checkpoint: {', '.join(sorted(chosen))}.")
    return Table(
        title="Jobs, best first",
        header=("rank", "overrides", "status", *titles, "directory"),
        rows=rows,
        footer=[*footer, *_failures(results)],
        words=("overrides", "directory"),
    )


def _has(results: Sequence[dict[str, Any]], metric: str) -> bool:
    return any(metric_of(item, metric) is not None for item in results)


def _is_free(override: str) -> bool:
    return re.split(r"[.=@]", override.lstrip("+~"), maxsplit=1)[0] in FREE_GROUPS


def _rank(result: dict[str, Any]) -> tuple[int, bool, float, str]:
    metric = result["metric"]
    order = _ORDER.get(result["status"], len(_ORDER))
    return (order, metric is None, metric if metric is not None else 0.0, result["directory"])


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.6g}"


def ranking_metric(sweep: SweepConfig, monitor: str, swept: Collection[str] = ()) -> str:
    """Returns what jobs are ranked by: what the user says, else what their trainings watched.

    Args:
        sweep: Options of the sweep.
        monitor: training.monitor.
        swept: Keys in which the jobs differ. Where losses cannot be compared energies are.
    """
    if sweep.metric is not None:
        return sweep.metric
    comparable = monitor != "loss" or not set(swept) & set(_OF_THE_LOSS)
    return f"validation/{monitor if comparable else _OTHERWISE}"


def metric_value(values: Mapping[str, float], metric: str) -> float | None:
    """Returns a metric of those of a result, by today's name or the earlier one."""
    part, _, name = metric.partition("/")
    value = values.get(metric, values.get(f"{part}/{_EARLIER.get(name)}"))
    return None if value is None else float(value)


def epoch_metrics(train: Mapping[str, float], validation: Mapping[str, float]) -> dict[str, float]:
    """Returns the metrics of an epoch's end by the names of ``sweep.metric``.

    Args:
        train: The epoch's training metrics, eV.
        validation: Of the validation data; empty without: the training's then take their place.
    """
    parts = {"train": train, "validation": validation or train}
    return {
        f"{part}/{name}": QUANTITIES[name].factor * value
        for part, values in parts.items()
        for name, value in values.items()
        if name in QUANTITIES
    }


def final_metrics(
    train: Mapping[str, float], validation: Mapping[str, float], evaluated: Mapping[str, float]
) -> dict[str, float]:
    """Returns those of the networks that a training gives, which were evaluated.

    Args:
        train: The training metrics of their epoch, eV.
        validation: Those of the validation data, empty without.
        evaluated: Of their evaluation, by quantity.
    """
    found = {f"validation/{name}": value for name, value in evaluated.items()}
    return epoch_metrics(train, validation) | found
