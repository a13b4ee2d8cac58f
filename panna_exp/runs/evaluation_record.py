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


class EvaluationRecord:
    """Collects evaluations of a run's checkpoints; records nothing of other networks.

    Args:
        config: Says which run, and on which data.
        run: The tracked run, or None.
        run_dir: Its directory.
    """

    def __init__(self, config: EvaluateConfig, run: EvaluatedRun | None, run_dir: Path) -> None:
        self._test = config.data.test
        self._run = run
        self._run_dir = run_dir
        self._found: list[TrackedEvaluation] = []

    def add(
        self,
        step: int | None,
        part: DataPart,
        evaluation: Evaluation,
        files: Sequence[Path],
    ) -> None:
        """Adds the errors of one checkpoint, or of a committee.

        Args:
            step: Of the checkpoint; None for networks that are no run's.
            part: What it was evaluated on.
            evaluation: Its errors.
            files: What was written about them.
        """
        if self._run is None or step is None:
            return
        own = self._test is None
        data = None if own else dataset(part, "evaluation")
        self._found.append(
            TrackedEvaluation(
                data=evaluation.data.name,
                fingerprint=part.fingerprint,
                dataset=data,
                step=step,
                values=in_ev(result_values(evaluation.summary)),
                files=files,
            )
        )

    def send(self) -> None:
        """Has them sent, and prints where they are; a store that fails costs nothing else."""
        if self._run is None or not self._found:
            return
        if is_locked(self._run_dir):
            logger.warning(
                "MLflow gets no evaluation: the run is still training: evaluate it again "
                "when it has ended"
            )
            return
        try:
            print(self._run.add(self._found))
        except (PannaExpError, OSError) as error:
            logger.warning("MLflow gets no evaluation: %s", error)


@contextmanager
def evaluation_record(config: EvaluateConfig, base: Path) -> Iterator[EvaluationRecord]:
    """Yields the record; MLflow's slow start-up begins here, beside our own."""
    run_dir = base / Path(config.run_dir or ".").expanduser()
    run = None
    if config.mlflow and config.run_dir is not None and is_tracked(run_dir):
        try:
            run = EvaluatedRun(run_dir, config.mlflow_uri, base)
        except PannaExpError as error:
            logger.warning("MLflow gets no evaluation: %s", error)
    try:
        yield EvaluationRecord(config, run, run_dir)
    finally:
        if run is not None:
            run.close()
