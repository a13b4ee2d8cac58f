"""Which structures are set aside for validation."""

import numpy as np
import pytest

from panna_exp.data.reference import split


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.25])
def test_a_part_of_the_structures_is_set_aside(fraction):
    kept, aside = split(40, fraction, 3)
    assert len(aside) == round(40 * fraction)
    assert sorted([*kept, *aside]) == list(range(40))
    assert (np.diff(kept) > 0).all()


def test_without_trajectories_the_order_of_the_seed_decides():
    order = np.random.default_rng(np.random.SeedSequence([5, 0x5B])).permutation(20)
    for trajectories in ((), [""] * 20):
        assert split(20, 0.3, 5, trajectories)[1].tolist() == sorted(order[:6].tolist())


def test_frames_of_a_trajectory_stay_together():
    names = [*"abcde" * 6, *[""] * 10]
    for seed in range(20):
        kept, aside = split(40, 0.25, seed, names)
        parts = [{names[index] for index in part} - {""} for part in (kept, aside)]
        assert not parts[0] & parts[1]
        assert 4 < len(aside) <= 10
    assert len(split(40, 0.01, 0, ["a"] * 20 + ["b"] * 20)[1]) == 0
    assert len(split(40, 0.1, 0, ["a"] * 20 + ["b"] * 20)[1]) == 20
