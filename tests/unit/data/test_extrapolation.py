"""Atoms outside ranges: which, by what, how far."""

import numpy as np
import pytest

from panna_exp.data.extrapolation import outside
from panna_exp.data.ranges import Ranges

RANGES = Ranges(
    counts=np.array([10, 5, 0]),
    low=np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 0.0], [np.inf] * 3]),
    high=np.array([[1.0, 3.0, 2.0], [4.0, 0.0, 1.0], [-np.inf] * 3]),
)


def compared(rows, species, margin=0.0, dtype=np.float64):
    return outside(np.array(rows, dtype=dtype), np.array(species), RANGES, margin)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_worst_component_of_each_atom(dtype):
    found = compared(
        [[0.5, 2.0, 2.0], [1.5, 2.0, 2.0], [1.5, 0.0, 2.0], [-2.0, 9.0, 2.0], [2.0, 0.0, 1.25]],
        [0, 0, 0, 0, 1],
        dtype=dtype,
    )
    np.testing.assert_allclose(found.excess, [0.0, 0.5, 0.5, 3.0, 0.25], rtol=1e-6)
    assert found.component.tolist() == [-1, 0, 0, 1, 2]
    assert found.number.tolist() == [0, 1, 2, 2, 1]


def test_a_component_that_never_varied_counts_as_a_thousandth_of_the_widest():
    found = compared([[0.0, 0.1, 0.0], [0.0, 0.0, 0.0]], [1, 1])
    assert found.excess[0] == pytest.approx(0.1 / (4.0 * 1e-3))
    assert found.component.tolist() == [1, -1]


def test_a_species_that_training_did_not_have():
    found = compared([[0.0, 0.0, 0.0]], [2])
    assert (found.excess[0], found.component[0], found.number[0]) == (np.inf, -1, 0)


def test_margin_and_rounding():
    rows = [[1.0 + 5e-6, 2.0, 2.0 + 1e-5], [1.05, 2.0, 2.0], [1.2, 2.0, 2.0]]
    assert compared(rows, [0, 0, 0]).number.tolist() == [0, 1, 1]
    assert compared(rows, [0, 0, 0], margin=0.1).number.tolist() == [0, 0, 1]


def test_what_was_trained_on_is_inside():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 40)).astype(np.float32)
    species = rng.integers(0, 3, 200)
    ranges = Ranges.of(values, species, 3)
    assert not outside(values, species, ranges).number.any()
    assert not outside(values.astype(np.float64) * (1 + 1e-7), species, ranges).number.any()
