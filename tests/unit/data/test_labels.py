import numpy as np
import pytest

from panna_exp.data.labels import Chained, Origins, Picked


def test_an_origin_names_file_record_and_name():
    origins = Origins("a.h5", "structure", ["first", "", "third"], 3)
    assert list(origins) == [
        "a.h5, structure 0 'first'",
        "a.h5, structure 1 (counted from 0)",
        origins[2],
    ]
    assert origins[-1] == "a.h5, structure 2 'third'"
    assert origins[1:] == ["a.h5, structure 1 (counted from 0)", "a.h5, structure 2 'third'"]


def test_origins_without_names():
    origins = Origins("a.tfrecord", "record", [], 2)
    assert list(origins) == [f"a.tfrecord, record {i} (counted from 0)" for i in (0, 1)]


def test_a_name_never_breaks_the_line_of_a_message():
    assert Origins("a", "record", ["two\nlines"], 1)[0] == r"a, record 0 'two\nlines'"


@pytest.mark.parametrize("index", [3, -4])
def test_an_origin_out_of_range(index):
    with pytest.raises(IndexError):
        Origins("a", "record", [], 3)[index]


def test_chained_sequences_are_the_joined_list():
    parts = [["a", "b"], [], ["c"], ["d", "e", "f"]]
    chained, joined = Chained(parts), [item for part in parts for item in part]
    assert len(chained) == len(joined)
    assert list(chained) == joined
    assert [chained[i] for i in range(-6, 6)] == joined + joined
    assert chained[1:5:2] == joined[1:5:2]
    for index in (6, -7):
        with pytest.raises(IndexError):
            chained[index]


def test_no_sequences_are_an_empty_one():
    assert list(Chained([])) == []


def test_picked_items_are_those_of_the_list():
    whole, indices = ["a", "b", "c", "d"], np.array([3, 0, 0])
    picked = Picked(whole, indices)
    assert list(picked) == ["d", "a", "a"]
    assert len(picked) == 3
    assert picked[-2:] == ["a", "a"]
    assert picked[1] == picked[np.int64(1)] == "a"
    with pytest.raises(IndexError):
        picked[3]


def test_picks_of_picks_do_not_pile_up():
    picked = Picked(Origins("a", "record", ["x", "y", "z"], 3), np.array([2, 1, 0]))
    for _ in range(2000):
        picked = Picked(picked, np.array([2, 1, 0]))
    assert picked[0] == "a, record 2 'z'"


def test_nothing_picked():
    assert list(Picked(["a"], np.array([], dtype=np.int64))) == []


def test_an_origin_is_made_only_when_it_is_asked_for():
    class Asked(list):
        def __getitem__(self, index):
            raise AssertionError("asked")

    assert len(Picked(Origins("a", "record", Asked(), 3), np.array([1]))) == 1
