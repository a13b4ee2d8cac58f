"""What a training does by its validation errors."""

import math

import pytest

from panna_exp.config.validation.training import MONITORS
from panna_exp.training import metrics
from panna_exp.training.early_stopping import EarlyStopping, EarlyStoppingSettings


def feed(stopping, values):
    return [stopping.epoch_ended(10 * n, {"loss": value}) for n, value in enumerate(values, 1)]


def test_the_best_is_followed():
    stopping = EarlyStopping(EarlyStoppingSettings(min_delta=0.1))
    assert feed(stopping, [3.0, 2.0, 1.95, 2.5, 1.8]) == [True, True, False, False, True]
    assert (stopping.best, stopping.best_step) == (1.8, 50)
    assert not stopping.stopped_early


def test_patience_counts_from_the_last_improvement():
    stopping = EarlyStopping(EarlyStoppingSettings(patience=2))
    feed(stopping, [3.0, 4.0, 2.0, 2.0])
    assert not stopping.stopped_early
    feed(stopping, [2.0])
    assert stopping.stopped_early


def test_a_plateau_lowers_the_rate_down_to_the_lowest():
    stopping = EarlyStopping(
        EarlyStoppingSettings(plateau_patience=2, plateau_factor=0.5, lowest=0.3)
    )
    factors = []
    for value in (1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0):
        stopping.epoch_ended(1, {"loss": value})
        factors.append(stopping.rate_factor)
    assert factors == [1.0, 1.0, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3]


def test_errors_that_are_no_numbers_are_no_improvement():
    stopping = EarlyStopping(EarlyStoppingSettings(patience=2))
    assert feed(stopping, [math.nan, math.nan]) == [False, False]
    assert stopping.stopped_early


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_state_goes_on_as_if_never_stopped(cut):
    settings = EarlyStoppingSettings(patience=4, plateau_patience=2)
    values = [5.0, 4.0, 4.0, 4.5, 3.0, 3.0, 3.0, 3.0, 3.0]
    whole = EarlyStopping(settings)
    feed(whole, values)
    first = EarlyStopping(settings)
    feed(first, values[:cut])
    second = EarlyStopping(settings, first.state())
    for number, value in enumerate(values[cut:], cut + 1):
        second.epoch_ended(10 * number, {"loss": value})
    assert second.state() == whole.state()
    assert second.stopped_early == whole.stopped_early


def test_every_choice_is_a_metric():
    assert set(MONITORS) <= set(metrics.COLUMNS)
