"""Standardised inputs: which deviations they are measured in."""

import numpy as np
import pytest

from panna_exp.data.ranges import RangeCounter
from panna_exp.networks.standardization import Standardization


def test_what_hardly_varies_is_not_stretched_and_constants_are_left_out():
    scales = np.array([20.0, *[1.0] * 18, 0.01, 0.0])
    values = np.random.default_rng(0).normal(size=(500, 21)) * scales + 5.0
    counter = RangeCounter(1, 21)
    counter.add(values, np.zeros(500, dtype=np.int64))
    found = Standardization.of(counter.statistics())
    deviation = values.std(axis=0)
    usual = np.sqrt(np.square(deviation[:20]).mean())
    assert deviation[0] > 3 * usual
    expected = [1 / deviation[0], *[1 / (3 * usual)] * 19, 0]
    assert found.inverse[0] == pytest.approx(expected, rel=1e-3)
    assert found.mean[0] == pytest.approx(values.mean(axis=0))


def test_of_components_that_are_equal_one_is_left_in():
    values = np.random.default_rng(0).normal(size=(300, 4))
    values[:, 2] = values[:, 0] * (1 + 1e-15)
    counter = RangeCounter(2, 4)
    counter.add(values, np.arange(300) % 2)
    inverse = Standardization.of(counter.statistics()).inverse
    assert (inverse[:, 2] == 0).all()
    assert (inverse[:, [0, 1, 3]] > 0).all()
