"""What a training does by its validation errors."""

import math

import pytest

from panna_exp.config.validation.training import MONITORS
from panna_exp.training import metrics
from panna_exp.training.watch import Watch, WatchSettings


def feed(watch, values):
    return [watch.epoch_ended(10 * n, {"loss": value}) for n, value in enumerate(values, 1)]


def test_the_best_is_followed():
    watch = Watch(WatchSettings(min_delta=0.1))
    assert feed(watch, [3.0, 2.0, 1.95, 2.5, 1.8]) == [True, True, False, False, True]
    assert (watch.best, watch.best_step) == (1.8, 50)
    assert not watch.exhausted


def test_patience_counts_from_the_last_improvement():
    watch = Watch(WatchSettings(patience=2))
    feed(watch, [3.0, 4.0, 2.0, 2.0])
    assert not watch.exhausted
    feed(watch, [2.0])
    assert watch.exhausted


def test_a_plateau_lowers_the_rate_down_to_the_lowest():
    watch = Watch(WatchSettings(plateau_patience=2, plateau_factor=0.5, lowest=0.3))
    factors = []
    for value in (1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0):
        watch.epoch_ended(1, {"loss": value})
        factors.append(watch.rate_factor)
    assert factors == [1.0, 1.0, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3]


def test_errors_that_are_no_numbers_are_no_improvement():
    watch = Watch(WatchSettings(patience=2))
    assert feed(watch, [math.nan, math.nan]) == [False, False]
    assert watch.exhausted


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_state_goes_on_as_if_never_stopped(cut):
    settings = WatchSettings(patience=4, plateau_patience=2)
    values = [5.0, 4.0, 4.0, 4.5, 3.0, 3.0, 3.0, 3.0, 3.0]
    whole = Watch(settings)
    feed(whole, values)
    first = Watch(settings)
    feed(first, values[:cut])
    second = Watch(settings, first.state())
    for number, value in enumerate(values[cut:], cut + 1):
        second.epoch_ended(10 * number, {"loss": value})
    assert second.state() == whole.state()
    assert second.exhausted == whole.exhausted


def test_every_choice_is_a_metric():
    assert set(MONITORS) <= set(metrics.COLUMNS)
