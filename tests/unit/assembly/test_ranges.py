"""Ranges of a training set: of data in memory, read piece by piece, and of a continued run."""

from dataclasses import replace

import numpy as np

from panna_exp.assembly.datasets import read_run_data
from panna_exp.assembly.ranges import find_extrapolation, training_ranges
from panna_exp.config.schema import DataConfig, TrainConfig
from panna_exp.data.ranges import Ranges

SYMBOLS = ("H", "C", "O", "N")


def part(tmp_path, streaming):
    config = TrainConfig(
        data=DataConfig(
            train=["builtin:tutorial_validation.h5"],
            species=list(SYMBOLS),
            streaming=streaming,
            window_mb=0.2,
            reference_energies="fit",
        )
    )
    return read_run_data(config, tmp_path).train


class Saved:
    """What a checkpoint says of ranges."""

    def __init__(self, ranges, fingerprint):
        self.ranges, self.stream = ranges, {"fingerprint": fingerprint}


def test_pieces_have_the_ranges_and_the_outsiders_of_the_whole(tmp_path):
    whole, streamed = part(tmp_path, False), part(tmp_path, True)
    assert streamed.stream.window() < 180
    ranges = training_ranges(whole, 4, None)
    assert ranges.counts.tolist() == [540, 60, 60, 60]
    own = whole.structures
    methane = own.descriptors[own.species == 1]
    np.testing.assert_array_equal(ranges.low[1], methane.min(axis=0))
    other = training_ranges(streamed, 4, None)
    np.testing.assert_allclose(other.high, ranges.high, rtol=1e-5, atol=1e-8)
    assert len(find_extrapolation(whole, ranges, 0.0)) == 0
    narrow = replace(ranges, high=ranges.low + 0.9 * (ranges.high - ranges.low))
    found = [find_extrapolation(item, narrow, 0.0) for item in (whole, streamed)]
    assert len(found[0]) > 10
    for name in ("structure", "atom", "component"):
        np.testing.assert_array_equal(*(getattr(item, name) for item in found))
    worst = own.offsets[found[0].structure[0]] + found[0].atom[0]
    assert own.descriptors[worst, found[0].component[0]] == found[0].value[0]


def test_a_continued_training_knows_what_it_learned_before(tmp_path):
    whole = part(tmp_path, False)
    ranges = training_ranges(whole, 4, None)
    before = Ranges(counts=ranges.counts, low=ranges.low - 1, high=ranges.high)
    assert training_ranges(whole, 4, Saved(before, whole.fingerprint)) is before
    joined = training_ranges(whole, 4, Saved(before, "other data"))
    assert np.array_equal(joined.low, before.low)
    assert joined.counts.tolist() == [1080, 120, 120, 120]
    # A checkpoint of an older version says nothing.
    assert training_ranges(whole, 4, Saved(None, whole.fingerprint)).same(ranges)
