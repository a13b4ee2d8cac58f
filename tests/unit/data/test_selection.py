"""Choosing structures: against a search that forgets nothing and is in no hurry."""

import numpy as np
import pytest

from panna_exp.data.selection import SelectBy, scaled, select


def brute_force(features, number, spread=None, known=(), nearest=0.0):
    """Each time computes all distances anew; returns indices and distances."""
    chosen, found = [], []
    there = [np.asarray(row) for row in known]
    while len(chosen) < number:
        best, best_score, best_distance = None, -1.0, np.nan
        for index, row in enumerate(features):
            distance = min((np.linalg.norm(row - other) for other in there), default=np.nan)
            if distance <= nearest or index in chosen:
                continue
            far = np.linalg.norm(row - features.mean(axis=0)) if np.isnan(distance) else distance
            score = far * (1.0 if spread is None else spread[index])
            if score > best_score:
                best, best_score, best_distance = index, score, distance
        if best is None:
            break
        chosen.append(best)
        found.append(best_distance)
        there.append(features[best])
    return chosen, found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("nearest", [0.0, 0.6])
def test_it_is_farthest_point_sampling(seed, nearest):
    random = np.random.default_rng(seed)
    features, spread = random.normal(size=(40, 3)), random.uniform(size=40)
    known = random.normal(size=(seed, 3))
    for by, weights in ((SelectBy.DIVERSITY, None), (SelectBy.BOTH, spread)):
        found = select(features, 25, by, spread=spread, known=known, nearest=nearest)
        chosen, distances = brute_force(features, 25, weights, known, nearest)
        assert found.chosen.tolist() == chosen
        np.testing.assert_allclose(found.distances, distances)


def test_by_spread_the_largest_come_first_without_near_copies():
    features = np.array([[0.0], [0.05], [3.0], [3.0], [6.0]])
    spread = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    found = select(features, 5, SelectBy.SPREAD, spread=spread, nearest=0.1)
    assert found.chosen.tolist() == [0, 2, 4]
    assert found.distances[1:].tolist() == [3.0, 3.0]
    assert np.isnan(found.distances[0])
    found = select(features, 5, SelectBy.SPREAD, spread=spread)
    assert found.chosen.tolist() == [0, 1, 2, 4]  # an exact copy never
    known = np.array([[0.0], [6.01]])
    found = select(features, 5, SelectBy.SPREAD, spread=spread, nearest=0.1, known=known)
    assert found.chosen.tolist() == [2]


@pytest.mark.parametrize("by", SelectBy)
def test_no_two_chosen_are_near_and_all_others_are_near_copies(by):
    random = np.random.default_rng(0)
    originals = random.normal(size=(20, 4))
    features = np.repeat(originals, 10, axis=0) + random.normal(0, 1e-3, (200, 4))
    found = select(features, 100, by, spread=random.uniform(size=200), nearest=0.05)
    assert sorted(found.chosen // 10) == list(range(20))


def test_the_scale_is_the_pools_and_ignores_what_is_constant():
    random = np.random.default_rng(0)
    plain = random.normal(size=(50, 2))
    pool = np.column_stack([1e6 * plain[:, 0], np.full(50, 7.0), 1e-3 * plain[:, 1]])
    found, known = scaled(pool, pool[:3])
    assert found.shape == (50, 2)
    np.testing.assert_array_equal(known, found[:3])
    assert np.median(np.linalg.norm(found, axis=1)) == pytest.approx(1.0)
    np.testing.assert_allclose(found.std(axis=0)[0], found.std(axis=0)[1])


def test_copies_alone_leave_one():
    found, known = scaled(np.ones((4, 3)))
    assert found.shape == (4, 0)
    assert len(known) == 0
    for by in SelectBy:
        assert select(found, 3, by, spread=np.zeros(4)).chosen.tolist() == [0]
