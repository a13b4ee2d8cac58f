import copy
import json

import pytest

from panna_exp.errors import DataError
from panna_exp.reporting.differences import ABSENT, Difference, compare, differences, text_of
from panna_exp.reporting.run import read_run
from panna_exp.runs.comparison import _change

ENVIRONMENT = {
    "panna_exp": "0.1.0",
    "packages": {"torch": "2.0"},
    "launch_dir": "/elsewhere",
    "data": {
        "fingerprint": "d" * 64,
        "train": {
            "structures": 2,
            "files": [{"path": "a.h5", "kind": "hdf5", "records": 2, "sha256": "a" * 64}],
        },
    },
}


def compared(make_run, first, second):
    runs = [read_run(make_run(name, **c), False) for name, c in (("a", first), ("b", second))]
    return compare(*runs)


def keys(items):
    return [item.key for item in items]


def changed(values, path, value):
    values = copy.deepcopy(values)
    *groups, last = path
    inner = values
    for key in groups:
        inner = inner[key]
    inner[last] = value
    return values


def test_two_of_the_same_are_the_same(make_run):
    found = compared(make_run, {}, {})
    assert found.is_same
    assert found.to_json() == {
        "same": True,
        "config": {},
        "data": {},
        "code": {},
        "result": {},
        "curves_differ_from_epoch": None,
        "differing_places": [],
    }


def test_config_by_dotted_keys_and_places_do_not_count(make_run):
    first = {"config": {"io": {"train_dir": "x"}, "training": {"lr": 0.1, "only": None}}}
    second = {"config": {"io": {"train_dir": "y"}, "training": {"lr": 0.2}}}
    found = compared(make_run, first, second)
    assert found.config == [
        Difference("training.lr", 0.1, 0.2),
        Difference("training.only", None, ABSENT),
    ]
    assert found.places == ["io.train_dir"]
    assert found.to_json()["config"]["training.only"] == {"a": None}
    assert not found.is_same


def test_where_they_were_started_is_no_difference_but_versions_are(make_run):
    other = changed(ENVIRONMENT, ("packages", "torch"), "2.1")
    found = compared(make_run, {"environment": ENVIRONMENT}, {"environment": other})
    assert keys(found.code) == ["packages.torch"]
    moved = changed(ENVIRONMENT, ("launch_dir",), "/there")
    assert compare(*[read_run(make_run(n, environment=moved), False) for n in "cd"]).is_same


def test_data_that_lie_elsewhere_and_data_that_changed(make_run):
    files = ("data", "train", "files")
    file = ENVIRONMENT["data"]["train"]["files"][0]
    moved = changed(ENVIRONMENT, files, [{**file, "path": "b.h5"}])
    found = compared(make_run, {"environment": ENVIRONMENT}, {"environment": moved})
    assert found.data == [Difference("train.paths", ["a.h5"], ["b.h5"])]
    other = changed(ENVIRONMENT, files, [{**file, "sha256": "b" * 64}])
    runs = [
        read_run(make_run(n, environment=e), False) for n, e in (("c", ENVIRONMENT), ("d", other))
    ]
    assert keys(compare(*runs).data) == ["train.files[a.h5].sha256"]


def test_starting_weights_and_source_code_that_changed(make_run):
    starting = [{"path": "w/H_l0_w.npy", "sha256": "a" * 64}]
    first = {**ENVIRONMENT, "starting_files": starting, "source_sha256": "c" * 64}
    second = changed(first, ("starting_files",), [{**starting[0], "sha256": "b" * 64}])
    second["source_sha256"] = "d" * 64
    found = compared(make_run, {"environment": first}, {"environment": second})
    assert keys(found.data) == ["starting.files[w/H_l0_w.npy].sha256"]
    assert keys(found.code) == ["source_sha256"]
    for damaged, message in (("x", "expected a list"), ([{"path": 1}], r"starting_files\[0\]")):
        run = read_run(make_run(message[:5], environment={"starting_files": damaged}), False)
        with pytest.raises(DataError, match=message):
            compare(run, run)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("x", r"data\.train\.files: expected a list, found 'x'"),
        (["x"], r"files\[0\]: expected a group of keys"),
        ([{"path": "a", "kind": "hdf5", "records": "2"}], "records: expected a number, found '2'"),
        ([{"kind": "hdf5", "records": 2}], "path: expected text, found None"),
    ],
)
def test_damaged_records_of_data_are_named(make_run, files, message):
    damaged = changed(ENVIRONMENT, ("data", "train", "files"), files)
    with pytest.raises(DataError, match=message):
        compared(make_run, {}, {"environment": damaged})


def test_results_stand_side_by_side_if_one_differs(make_run):
    result = {"status": "FINISHED", "step": 20, "mae": 20.0, "rmse": 30.0, "checkpoint": "c"}
    found = compared(make_run, {"result": result}, {"result": {**result, "mae": 21.0}})
    items = {item.key: item for item in found.result}
    assert items["mae"] == Difference("mae", 20.0, 21.0)
    assert items["rmse"] == Difference("rmse", 30.0, 30.0)
    assert "checkpoint" not in items
    assert "status" not in items
    assert found.epoch is None


def test_without_a_result_the_last_epochs_are_compared(make_run):
    metrics = "epoch loss tot_st\n0 1.0 10\n1 {} 20\n"
    found = compared(
        make_run,
        {"result": None, "metrics": metrics.format(0.5)},
        {"result": None, "metrics": metrics.format(0.25)},
    )
    assert Difference("last loss", 0.5, 0.25) in found.result
    assert found.epoch == 2


@pytest.mark.parametrize(
    ("first", "second", "epoch"),
    [
        ("epoch loss\n0 1\n1 2\n", "epoch loss\n0 1\n1 2\n", None),
        ("epoch loss\n0 1\n1 nan\n", "epoch loss\n0 1\n1 nan\n", None),
        ("epoch loss\n0 1\n1 2\n", "epoch loss\n0 1\n", 2),
        ("epoch loss\n0 1\n", "epoch time\n0 1\n", 1),
        ("", "", None),
        ("", "epoch loss\n0 1\n", 1),
    ],
)
def test_where_curves_part(make_run, first, second, epoch):
    found = compared(make_run, {"metrics": first}, {"metrics": second})
    assert found.epoch == epoch
    assert found.is_same == (epoch is None)


def test_long_lists_differ_by_element_short_ones_as_a_whole():
    values = list(range(8))
    other = [*values[:3], 99, *values[4:]]
    assert differences({"a": values}, {"a": other}) == [Difference("a[3]", 3, 99)]
    assert differences({"a": [1, 2]}, {"a": [1, 3]}) == [Difference("a", [1, 2], [1, 3])]
    assert differences({"a": values}, {"a": [*values, 1]})[0].key == "a"


def test_numbers_of_other_types_are_equal_truth_values_are_not():
    assert differences({"a": 1, "b": float("nan")}, {"a": 1.0, "b": float("nan")}) == []
    assert keys(differences({"a": 1}, {"a": True})) == ["a"]


@pytest.mark.parametrize(
    ("value", "key", "text"),
    [
        ("f" * 64, "train.fingerprint", "f" * 12),
        ("a" * 40 + "+", "git_commit", "a" * 12 + "+"),
        ("f" * 64, "name", "f" * 64),
        (None, "", "null"),
        (ABSENT, "", "-"),
        (True, "", "true"),
        (0.1 + 0.2, "", "0.3"),
        (["a", "b"], "", '["a", "b"]'),
    ],
)
def test_values_as_text(value, key, text):
    assert text_of(value, key) == text


def test_numbers_that_are_none_are_null_for_programs():
    item = Difference("a", float("nan"), 1.0)
    assert json.dumps(item.to_json(), allow_nan=False) == '{"a": null, "b": 1.0}'


def test_changes():
    assert _change(Difference("a", 1.0, 1.5)) == "+0.5"
    assert _change(Difference("a", 1.0, 1.0)) == ""
    assert _change(Difference("a", True, 2)) == ""
    assert _change(Difference("a", ABSENT, 2)) == ""
