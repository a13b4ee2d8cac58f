import numpy as np

from panna_exp.data.order import BatchOrder


def test_a_pass_visits_every_structure_once_and_ends_with_the_smaller_batch():
    order = BatchOrder(23, 5, seed=3, shuffle=True)
    batches = [order.indices(step) for step in range(order.batches_per_pass)]
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
    assert sorted(np.concatenate(batches)) == list(range(23))


def test_passes_differ_and_depend_on_the_seed():
    order = BatchOrder(50, 10, seed=0, shuffle=True)
    first = np.concatenate([order.indices(step) for step in range(5)])
    second = np.concatenate([order.indices(step) for step in range(5, 10)])
    other = BatchOrder(50, 10, seed=1, shuffle=True)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, np.concatenate([other.indices(s) for s in range(5)]))


def test_the_order_depends_on_the_step_alone():
    order = BatchOrder(23, 5, seed=3, shuffle=True)
    wanted = [order.indices(step).tolist() for step in range(17)]
    fresh = BatchOrder(23, 5, seed=3, shuffle=True)
    assert fresh.indices(16).tolist() == wanted[16]
    assert fresh.indices(2).tolist() == wanted[2]


def test_without_shuffling_the_files_order():
    order = BatchOrder(5, 2, seed=0, shuffle=False)
    assert [order.indices(s).tolist() for s in range(4)] == [[0, 1], [2, 3], [4], [0, 1]]
