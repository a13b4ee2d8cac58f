"""Adds what ``panna-exp evaluate`` finds to the MLflow run that the checkpoints belong to."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from panna_exp.assembly.datasets import DataPart
from panna_exp.config.schema import EvaluateConfig
from panna_exp.errors import PannaExpError
from panna_exp.quantities import in_ev
from panna_exp.runs.assess import Evaluation, result_values
from panna_exp.runs.run_directory import is_locked
from panna_exp.runs.run_info import dataset
from panna_exp.tracking.base import TrackedEvaluation
from panna_exp.tracking.evaluations import EvaluatedRun, is_tracked

logger = logging.getLogger(__name__)


def tracked_evaluation(
    step: int, part: DataPart, evaluation: Evaluation, files: Sequence[Path], own: bool
) -> TrackedEvaluation:
    """Returns what MLflow gets of the errors of one checkpoint, or of a committee.

    Args:
        step: Of the checkpoint.
        part: What it was evaluated on.
        evaluation: Its errors.
        files: What was written about them.
        own: Whether the data are the run's own, which it knows.
    """
    return TrackedEvaluation(
        data=evaluation.data.name,
        fingerprint=part.fingerprint,
        dataset=None if own else dataset(part, "evaluation"),
        step=step,
        values=in_ev(result_values(evaluation.summary)),
        files=files,
    )


@contextmanager
def evaluation_record(config: EvaluateConfig, base: Path) -> Iterator[list[TrackedEvaluation]]:
    """Yields a list, whose items a tracked run gets at the block's end, which is printed.

    MLflow's slow start-up begins here, beside our own. A store that fails costs nothing else.

    Args:
        config: Says which run.
        base: Folder that relative paths start from.
    """
    run_dir = base / Path(config.run_dir or ".").expanduser()
    run = None
    if config.mlflow and config.run_dir is not None and is_tracked(run_dir):
        try:
            run = EvaluatedRun(run_dir, config.mlflow_uri, base)
        except PannaExpError as error:
            logger.warning("MLflow gets no evaluation: %s", error)
    found: list[TrackedEvaluation] = []
    try:
        yield found
        if run is not None and found:
            _send(run, run_dir, found)
    finally:
        if run is not None:
            run.close()


def _send(run: EvaluatedRun, run_dir: Path, found: list[TrackedEvaluation]) -> None:
    if is_locked(run_dir):
        logger.warning(
            "MLflow gets no evaluation: the run is still training: evaluate it again when it has "
            "ended"
        )
        return
    try:
        print(run.add(found))
    except (PannaExpError, OSError) as error:
        logger.warning("MLflow gets no evaluation: %s", error)
