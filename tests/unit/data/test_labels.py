import pytest

from panna_exp.data.labels import Chained, Origins


def test_an_origin_names_file_record_and_name():
    origins = Origins("a.h5", "structure", ["first", "", "third"], 3)
    assert list(origins) == ["a.h5, structure 0 'first'", "a.h5, structure 1", origins[2]]
    assert origins[-1] == "a.h5, structure 2 'third'"
    assert origins[1:] == ["a.h5, structure 1", "a.h5, structure 2 'third'"]


def test_origins_without_names():
    origins = Origins("a.tfrecord", "record", [], 2)
    assert list(origins) == ["a.tfrecord, record 0", "a.tfrecord, record 1"]


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
