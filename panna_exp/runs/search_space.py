"""What a search chooses from, in Hydra's words: intervals, ranges and choices of overrides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from panna_exp.config.sweeping import Choice, Interval, searched
from panna_exp.errors import ConfigError

Distribution = FloatDistribution | IntDistribution | CategoricalDistribution
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """The overrides of a search.

    Args:
        fixed: Those of every job.
        distributions: Of the others, by key.
    """

    fixed: list[str]
    distributions: dict[str, Distribution]

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """Returns the overrides of the job that has these values."""
        return [*self.fixed, *(f"{key}={_text(values[key])}" for key in self.distributions)]

    def examples(self) -> dict[str, Any]:
        """Returns some value of each key."""
        return {
            key: item.choices[0] if isinstance(item, CategoricalDistribution) else item.low
            for key, item in self.distributions.items()
        }

    def describe(self) -> dict[str, str]:
        """Returns the distributions as text: those of a search that is continued are the same."""
        return {key: repr(item) for key, item in self.distributions.items()}


def search_space(overrides: Sequence[str]) -> SearchSpace:
    """Reads the overrides of a search: see :func:`panna_exp.config.sweeping.searched`.

    Raises:
        ConfigError: Nothing to choose; limits that are none.
    """
    read = searched(overrides)
    distributions, problems = {}, []
    for key, item in read.values.items():
        try:
            distributions[key] = _distribution(item)
        except ValueError as error:
            problems.append(f"{item.text}: {error}")
    if problems:
        raise ConfigError(problems)
    if not distributions:
        raise ConfigError(
            "hydra/sweeper=optuna: nothing to choose: give intervals or choices, such as "
            "'training.learning_rate=tag(log,interval(1e-4,1e-1))' training.batch_size=10,20,40"
        )
    return SearchSpace(read.fixed, distributions)


def _distribution(item: Interval | Choice) -> Distribution:
    if isinstance(item, Choice):
        return CategoricalDistribution(item.values)
    if item.step is not None:
        return IntDistribution(int(item.low), int(item.high), log=item.log, step=item.step)
    return FloatDistribution(float(item.low), float(item.high), log=item.log)


def _text(value: Any) -> str:
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)
