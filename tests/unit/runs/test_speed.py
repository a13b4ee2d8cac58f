"""Steps per second."""

import pytest

from panna_exp.runs.listener import Speed


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def make_steps(speed, clock, first, last, seconds):
    """Each step takes ``seconds`` and is logged; returns what was told, by step."""
    told = {}
    for step in range(first, last + 1):
        clock.now += seconds
        speed.advanced(step)
        for value in speed.logged(step).values():
            told[step] = value
    return told


def test_a_value_a_second(clock):
    speed = Speed(clock)
    assert make_steps(speed, clock, 11, 20, 0.25) == {15: 4.0, 19: 4.0}


def test_an_epoch_of_less_than_a_second_has_a_value(clock):
    speed = Speed(clock)
    assert make_steps(speed, clock, 1, 5, 0.125) == {}
    clock.now += 1000  # validation
    assert speed.epoch_ended() == {"steps_per_second": 8.0}
    clock.now += 1000  # a checkpoint
    assert make_steps(speed, clock, 6, 10, 0.25) == {10: 4.0}
    assert speed.epoch_ended() == {}  # that step has its value


def test_an_epoch_of_one_step_has_none(clock):
    speed = Speed(clock)
    assert speed.epoch_ended() == {}
    for step in (1, 2):
        assert make_steps(speed, clock, step, step, 5.0) == {}
        assert speed.epoch_ended() == {}
