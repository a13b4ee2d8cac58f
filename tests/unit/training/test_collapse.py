"""Trainings that have become constants are seen, and no others."""

import pytest

from panna_exp.training.collapse import CollapseSettings, CollapseWatch


def watch(state=None):
    settings = CollapseSettings(
        metric="force_rmse", constant=2.0, first=100, last=400, restarts=2, rate_factor=0.5
    )
    return CollapseWatch(settings, state)


@pytest.mark.parametrize(
    ("step", "error", "seen"),
    [
        (200, 2.0, True),
        (200, 1.96, True),
        (200, 1.8, False),  # it learns
        (200, 3.0, False),  # it is still at its start
        (99, 2.0, False),
        (401, 2.0, False),
    ],
)
def test_what_is_a_collapse(step, error, seen):
    assert watch().sees(step, {"force_rmse": error}) is seen


def test_restarts_are_counted_and_kept():
    found = watch()
    found.restarted(350)
    again = watch(found.state())
    assert (again.restarts, again.rate_factor, again.given_up) == (1, 0.5, False)
    assert not again.sees(449, {"force_rmse": 2.0})
    assert again.sees(450, {"force_rmse": 2.0})  # late, but what was restarted stays watched
    again.restarted(450)
    assert again.given_up
