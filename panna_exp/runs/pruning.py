"""A job of a search tells its errors after each epoch, and learns whether it is worth going on."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from panna_exp.config.schema import SweepConfig
from panna_exp.runs.sweep import PRUNED, epoch_metrics, ranking_metric, write_result
from panna_exp.training.trainer import FitResult

if TYPE_CHECKING:
    from optuna.trial import Trial

logger = logging.getLogger(__name__)


class Pruner:
    """Follows a job of a search.

    Args:
        trial: Of the search; None for a training that is not a job of one: never stopped.
        metric: A name of ``sweep.metric``.

    Attributes:
        stops: Whether the job is to be stopped.
    """

    def __init__(self, trial: "Trial | None", metric: str) -> None:
        self._trial, self._metric = trial, metric
        self.stops = False
        self._best = math.inf

    @classmethod
    def of(cls, folder: Path | None, sweep: SweepConfig, monitor: str) -> "Pruner":
        """Returns the pruner of a training.

        Args:
            folder: Of the sweep that the training is a job of, or None.
            sweep: Options.
            monitor: training.monitor.
        """
        metric = ranking_metric(sweep, monitor)
        if folder is None or sweep.trial is None or not sweep.prune:
            return cls(None, metric)
        from optuna.trial import Trial

        from panna_exp.runs.search import load_study

        study = load_study(folder, sweep)
        number = study.get_trials(deepcopy=False)[sweep.trial]._trial_id
        return cls(Trial(study, number), study.user_attrs.get("metric", metric))

    def epoch_ended(
        self, epoch: int, train: Mapping[str, float], validation: Mapping[str, float]
    ) -> None:
        """Hears of an epoch's metrics, eV; those of a repeated epoch count as told before."""
        value = epoch_metrics(train, validation).get(self._metric)
        if self._trial is None or value is None:
            return
        told = self._trial.study.get_trials(deepcopy=False)[self._trial.number].intermediate_values
        if epoch not in told:
            self._trial.report(value, epoch)
        self._best = min(value, *told.values(), self._best)
        self.stops = self._trial.should_prune()

    def record(self, run_dir: Path, overrides: Sequence[str], fit: FitResult) -> None:
        """Writes the result of a job that was stopped."""
        values = epoch_metrics(fit.train, fit.validation)
        result = {
            "status": PRUNED,
            "evaluated": "validation" if fit.validation else "training",
            "metrics": values,
            "step": fit.step,
        }
        write_result(run_dir, overrides, result)
        logger.info(
            "stopped after step %d: the best %s so far is %.4g, worse than the median of the "
            "earlier jobs at this epoch (sweep.prune)",
            fit.step,
            self._metric,
            self._best,
        )
