"""What a search chooses from, in Hydra's words: intervals, ranges and choices of overrides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from panna_exp.errors import ConfigError

Distribution = FloatDistribution | IntDistribution | CategoricalDistribution
_LOG = "log"
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
    """Reads overrides such as ``training.learning_rate=tag(log,interval(1e-4,1e-1))``.

    Args:
        overrides: Of the command line. ``interval(a,b)`` is a real number, ``int(interval(a,b))``
            and ``range(a,b)`` whole numbers, ``x,y`` and ``choice(x,y)`` one of the values;
            ``tag(log, ...)`` is for what varies over orders of magnitude.

    Raises:
        ConfigError: Nothing to choose; limits that are none.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    fixed, distributions, problems = [], {}, []
    for item in parsed:
        key = item.get_key_element()
        if not item.is_sweep_override():
            fixed.append(f"{key}={item.get_value_element_as_str()}")
            continue
        try:
            distributions[key] = _distribution(item)
        except ValueError as error:
            problems.append(f"{item.input_line}: {error}")
    if problems:
        raise ConfigError(problems)
    if not distributions:
        raise ConfigError(
            "hydra/sweeper=optuna: nothing to choose: give intervals or choices, such as "
            "'training.learning_rate=tag(log,interval(1e-4,1e-1))' training.batch_size=10,20,40"
        )
    return SearchSpace(fixed, distributions)


def _distribution(item: Override) -> Distribution:
    value = item.value()
    if isinstance(value, IntervalSweep):
        low, high, log = value.start, value.end, _LOG in value.tags
        assert low is not None
        assert high is not None
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, log=log)
        return FloatDistribution(float(low), float(high), log=log)
    if isinstance(value, RangeSweep) and not value.shuffle:
        numbers = list(value.range())
        whole = all(isinstance(number, int) for number in numbers)
        if numbers and whole:
            step = abs(int(value.step))
            return IntDistribution(int(min(numbers)), int(max(numbers)), step=step)
    return CategoricalDistribution(list(item.sweep_string_iterator()))


def _text(value: Any) -> str:
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)
