"""Sweeps: each job leaves result.json in its folder, and the end prints a ranked table of them."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from panna_exp.evaluation.tables import Table
from panna_exp.files import write_text_atomic

RESULT = "result.json"


def write_result(run_dir: Path, overrides: Sequence[str], values: dict[str, Any]) -> None:
    """Writes a run's result: status, metric and numbers."""
    record = {"overrides": list(overrides), **values}
    write_text_atomic(run_dir / RESULT, json.dumps(record, indent=1) + "\n")


def report_failure(run_dir: Path, overrides: Sequence[str], error: Exception) -> None:
    """Names a failed job at once; the other jobs go on."""
    message = str(error) or type(error).__name__
    print(f"error: job {' '.join(overrides)}: {message}", file=sys.stderr)
    run_dir.mkdir(parents=True, exist_ok=True)
    write_result(run_dir, overrides, {"status": "FAILED", "error": message})


class SweepCallback(Callback):
    """Hydra's callback: prints and writes the table when all jobs are done."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Says what is about to run."""
        print(f"sweep in {config.hydra.sweep.dir}", file=sys.stderr)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Prints the jobs, best first."""
        folder = Path(config.hydra.sweep.dir)
        results = read_results(folder)
        if not results:
            return
        write_text_atomic(folder / "summary.json", json.dumps(results, indent=1) + "\n")
        from rich.console import Console

        ranked_table(results).print(Console())
        print(f"summary: {folder / 'summary.json'}")


def read_results(folder: Path) -> list[dict[str, Any]]:
    """Returns the results of the jobs in a sweep's folder, best first, failed ones last."""
    results = []
    for path in folder.glob(f"*/{RESULT}"):
        values = json.loads(path.read_text())
        results.append({**values, "directory": str(path.parent)})
    return sorted(results, key=_rank)


def ranked_table(results: Sequence[dict[str, Any]]) -> Table:
    """Returns a table of jobs with the overrides in which they differ."""
    common = set.intersection(*(set(item["overrides"]) for item in results))
    rows = []
    for number, item in enumerate(results, 1):
        swept = " ".join(text for text in item["overrides"] if text not in common) or "defaults"
        rows.append(
            (
                str(number),
                swept,
                item["status"],
                _number(item.get("metric")),
                _number(item.get("train_mae_mev_per_atom")),
                Path(item["directory"]).name,
            )
        )
    metric = next((item["metric_name"] for item in results if "metric_name" in item), "metric")
    return Table(
        title="Jobs, best first",
        header=("rank", "overrides", "status", f"{metric}", "train MAE (meV/atom)", "directory"),
        rows=rows,
    )


def _rank(result: dict[str, Any]) -> tuple[bool, float, str]:
    metric = result.get("metric")
    return (metric is None, metric if metric is not None else 0.0, result["directory"])


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.3f}"
