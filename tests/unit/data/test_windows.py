"""The order of batches of a data set that is read window by window."""

import numpy as np
import pytest

from panna_exp.data.windows import WindowedOrder, runs


def order(**changes):
    settings = {
        "num_structures": 103,
        "batch_size": 5,
        "seed": 3,
        "shuffle": True,
        "window": 22,
        "block": 4,
    }
    return WindowedOrder(**{**settings, **changes})


def test_a_pass_has_every_structure_once_and_the_next_another_order():
    batches = order()
    passes = [
        np.concatenate([batches.indices(step) for step in range(start, start + 21)])
        for start in (0, 21)
    ]
    for found in passes:
        assert sorted(found.tolist()) == list(range(103))
    assert passes[0].tolist() != passes[1].tolist()


def test_each_batch_lies_in_its_window():
    batches = order()
    seen = []
    for step in range(2 * batches.batches_per_pass):
        chosen = batches.indices(step)
        window = batches.window(batches.latest_window)
        assert len(window) <= 22
        assert set(chosen.tolist()) <= set(window.tolist())
        seen.append(batches.latest_window)
    assert sorted(set(seen)) == list(range(2 * batches.windows_per_pass))
    assert seen == sorted(seen)


def test_the_order_is_a_function_of_the_step_alone():
    batches = order()
    wanted = [batches.indices(step).tolist() for step in range(60)]
    backwards = order()
    assert [backwards.indices(step).tolist() for step in reversed(range(60))] == wanted[::-1]
    assert [order(seed=4).indices(step).tolist() for step in range(60)] != wanted


def test_windows_are_made_of_few_runs():
    batches = order(num_structures=10_000, window=1000, block=100)
    for number in range(batches.windows_per_pass):
        assert len(runs(batches.window(number))) <= 12


def test_without_shuffling_it_is_the_order_of_the_data():
    batches = order(shuffle=False)
    found = np.concatenate([batches.indices(step) for step in range(21)])
    assert found.tolist() == list(range(103))


@pytest.mark.parametrize("window", [1, 5, 1000])
def test_windows_of_any_size(window):
    batches = order(window=window)
    found = np.concatenate([batches.indices(step) for step in range(21)])
    assert sorted(found.tolist()) == list(range(103))


def test_runs():
    assert runs(np.array([2, 3, 4, 7, 9, 10])) == [(2, 5), (7, 8), (9, 11)]
    assert runs(np.array([5])) == [(5, 6)]
