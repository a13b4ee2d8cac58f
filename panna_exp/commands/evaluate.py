"""``panna-exp evaluate``: errors of a run's checkpoints, or of a weights folder, on data."""

from pathlib import Path

from panna_exp.config.launch import launch_once
from panna_exp.config.schema import EvaluateConfig


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    launch_once(arguments, _evaluate, "evaluate", "panna-exp evaluate")
    return 0


def _evaluate(config: EvaluateConfig, base: Path) -> None:
    # Imported here: torch is not needed to compose a configuration or to show help.
    from panna_exp.runs.evaluation import evaluate

    evaluate(config, base)
