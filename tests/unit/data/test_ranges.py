"""Ranges gathered piece by piece, constant and equal components."""

import numpy as np
import pytest

from panna_exp.data.ranges import RangeCounter


@pytest.fixture
def values():
    rng = np.random.default_rng(3)
    values = rng.uniform(0.5, 2.0, (300, 7)).astype(np.float32)
    values[:, 2] = 0.0
    values[:, 4] = 1.25
    values[:, 5] = values[:, 1] * (1 + 3e-7)  # equal to round-off
    return values, rng.integers(0, 2, 300)


def counted(values, species, pieces, num_species=3):
    counter = RangeCounter(num_species, values.shape[1])
    for rows in np.array_split(np.arange(len(values)), pieces):
        counter.add(values[rows], species[rows])
    return counter.statistics()


@pytest.mark.parametrize("pieces", [1, 7, 300])
def test_pieces_give_what_the_whole_gives(values, pieces):
    found = counted(*values, pieces)
    for index in range(2):
        own = values[0][values[1] == index].astype(np.float64)
        np.testing.assert_array_equal(found.ranges.low[index], own.min(axis=0))
        np.testing.assert_array_equal(found.ranges.high[index], own.max(axis=0))
        np.testing.assert_allclose(found.mean[index], own.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(found.deviation[index], own.std(axis=0), rtol=1e-10, atol=1e-15)
    assert found.ranges.counts.tolist() == [(values[1] == 0).sum(), (values[1] == 1).sum(), 0]


@pytest.mark.parametrize("pieces", [1, 7, 300])
def test_constant_and_equal_components(values, pieces):
    found = counted(*values, pieces)
    assert np.flatnonzero(found.zero[0]).tolist() == [2]
    assert np.flatnonzero(found.constant[1]).tolist() == [2, 4]
    assert not found.constant[2].any()  # a species without atoms has no constant components
    assert found.duplicates() == [[1, 5]]


def test_one_atom_tells_components_apart(values):
    descriptors, species = values
    descriptors[250, 5] *= 1.001
    assert counted(descriptors, species, 4).duplicates() == []


def test_a_component_may_be_constant_for_one_species_alone(values):
    descriptors, species = values
    descriptors[species == 1, 3] = 0.75
    found = counted(descriptors, species, 3)
    assert found.constant[1, 3]
    assert not found.constant[0, 3]


def test_both_data_sets_together(values):
    descriptors, species = values
    whole = counted(descriptors, species, 1).ranges
    parts = [
        counted(descriptors[rows], species[rows], 1).ranges for rows in (slice(90), slice(90, None))
    ]
    joined = parts[0].widened(parts[1])
    np.testing.assert_array_equal(joined.low, whole.low)
    np.testing.assert_array_equal(joined.high, whole.high)
    np.testing.assert_array_equal(joined.counts, whole.counts)
