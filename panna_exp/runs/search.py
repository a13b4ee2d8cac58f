"""A search by Optuna: its study is a journal in the sweep's folder, so that it can be continued.

Each start is a function of what is in the journal: the sampler's seed is that of the sweep plus the
number of the trial, so that a search of one job at a time that was cut off goes on to the same end.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from panna_exp.config.schema import SweepConfig
from panna_exp.errors import ConfigError
from panna_exp.runs.search_space import SearchSpace
from panna_exp.runs.sweep import FAILED, FINISHED, PRUNED

JOURNAL, _STUDY = "search.journal", "search"
_STATES = {PRUNED: TrialState.PRUNED, FAILED: TrialState.FAIL}


def load_study(folder: Path, sweep: SweepConfig) -> optuna.Study:
    """Returns the search in a sweep's folder, which is begun if there is none.

    Args:
        folder: Of the sweep.
        sweep: Its options.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        study_name=_STUDY,
        storage=JournalStorage(JournalFileBackend(str(folder / JOURNAL))),
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=sweep.prune_after_trials, n_warmup_steps=sweep.prune_after_epochs
        ),
        load_if_exists=True,
    )


class Search:
    """Chooses jobs and hears how they ended.

    Args:
        folder: Of the sweep.
        sweep: Its options.
        space: What is searched.
        metric: What jobs are ranked by.

    Raises:
        ConfigError: The folder holds a search of something else.
    """

    def __init__(self, folder: Path, sweep: SweepConfig, space: SearchSpace, metric: str) -> None:
        self._study = load_study(folder, sweep)
        self._space, self._sweep = space, sweep
        facts = {"space": space.describe(), "metric": metric}
        for name, value in facts.items():
            earlier = self._study.user_attrs.get(name, value)
            if earlier != value:
                raise ConfigError(
                    f"{folder}: holds a search with another {name}: {earlier}, now {value}: choose "
                    "another sweep.dir"
                )
            self._study.set_user_attr(name, value)

    def left(self) -> list[int]:
        """Returns the numbers of the jobs that were begun and have not ended."""
        numbers = []
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            if trial.params.keys() == self._space.distributions.keys():
                numbers.append(trial.number)
            else:  # cut off while it was chosen
                self._study.tell(trial.number, state=TrialState.FAIL)
        return numbers

    def choose(self) -> list[int]:
        """Chooses the next jobs; returns their numbers, none when there were enough."""
        done = len(self._study.get_trials(deepcopy=False, states=_ENDED))
        numbers = []
        for _ in range(min(self._sweep.parallel, self._sweep.trials - done)):
            number = len(self._study.get_trials(deepcopy=False))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self._study.sampler = TPESampler(
                    seed=self._sweep.seed + number, constant_liar=self._sweep.parallel > 1
                )
            numbers.append(self._study.ask(dict(self._space.distributions)).number)
        return numbers

    def overrides(self, number: int) -> list[str]:
        """Returns the overrides of a job."""
        return [*self._space.overrides(self._trial(number).params), f"sweep.trial={number}"]

    def ended(self, number: int, results: Sequence[dict[str, Any]]) -> str:
        """Takes over how a job ended; returns its status.

        Args:
            number: Of the job.
            results: Of all jobs, as in the sweep's summary.
        """
        name = f"sweep.trial={number}"
        found = [item for item in results if name in item["overrides"]]
        status, metric = (found[0]["status"], found[0]["metric"]) if found else (FAILED, None)
        if status == FINISHED and metric is not None:
            self._study.tell(number, float(metric))
            return FINISHED
        status = PRUNED if status == PRUNED else FAILED
        self._study.tell(number, state=_STATES[status])
        return status

    def _trial(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]


_ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
