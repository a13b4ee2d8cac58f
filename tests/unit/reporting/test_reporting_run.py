import json
from datetime import datetime

import pytest

from panna_exp.errors import DataError
from panna_exp.reporting import curves
from panna_exp.reporting.run import State, is_run, read_run
from panna_exp.reporting.timings import LEARNING_RATE
from panna_exp.training import metrics

HEADER = "epoch MAE/at tot_st val_MAE/at"
RESULT = {"status": "FINISHED", "step": 20, "overrides": ["training.max_epochs=2", "tracking=none"]}


def test_a_finished_run(make_run):
    run = read_run(make_run("a"), running=False)
    assert (run.state, run.epochs, run.max_epochs) == (State.FINISHED, 2, 2)
    assert (run.name, run.metrics.last_step) == ("a", 20)
    assert run.started == datetime(2026, 1, 2, 3, 4, 5, 678000)
    best = run.best()
    assert best.title("energy_mae") == "validation energy MAE (meV/atom)"
    assert (best.role, best.values["energy_mae"], best.epoch) == (
        "best by validation loss",
        20.0,
        2,
    )


def config(**training):
    return {"training": {"max_epochs": 4, **training}}


ROWS = (
    "epoch tot_st val_MAE/at val_loss\n"
    "0 10 nan nan\n1 20 0.03 0.5\n2 30 0.02 0.45\n3 40 0.04 0.3\n4 50 0.1 inf\n"
)


@pytest.mark.parametrize(
    ("settings", "role", "epoch", "mae"),
    [
        ({}, "best by validation loss", 4, 40.0),
        ({"monitor": "energy_mae"}, "best by validation energy MAE", 3, 20.0),
        ({"min_delta": 0.1}, "best by validation loss", 4, 40.0),
        ({"min_delta": 0.3}, "best by validation loss", 2, 30.0),
        ({"monitor": "force_mae"}, "last", 5, 100.0),  # which metrics.dat does not have
    ],
)
def test_the_best_epoch_is_that_of_the_training(make_run, settings, role, epoch, mae):
    path = make_run("a", metrics=ROWS, config=config(**settings), result=None)
    best = read_run(path, running=False).best()
    assert (best.role, best.epoch, best.values["energy_mae"]) == (role, epoch, mae)


def test_the_record_of_a_finished_run_says_which_epoch_is_the_best(make_run):
    """Its losses before a change of the configuration are of another kind."""
    facts = {"checkpoint_is": "best by validation loss", "epoch": 2}
    path = make_run("a", metrics=ROWS, result={**RESULT, **facts, "step": 50})
    assert read_run(path, running=False).best().epoch == 2
    kept = {"config": {**config(), "io": {"keep_best": False}}}
    last = read_run(make_run("b", metrics=ROWS, **kept), running=False).best()
    assert (last.role, last.epoch) == ("last", 5)


def test_without_validation_the_last_training_errors_count(make_run):
    run = read_run(make_run("a", metrics="epoch RMSE/at\n0 0.1\n1 0.2\n"), running=False)
    best = run.best()
    assert (best.role, best.part, best.values) == ("last", "training", {"energy_rmse": 200.0})
    assert read_run(make_run("b", metrics="epoch RMSE/at\n"), running=False).best() is None


def test_its_columns_are_those_that_trainings_write():
    names = {name for panel in curves.PANELS for name in panel.columns}
    assert names <= {LEARNING_RATE, *metrics.COLUMNS.values()}


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ("stopped", {"result": None}),
        ("stopped", {"result": {**RESULT, "step": 10}}),
        ("stopped", {"overrides": ["training.max_epochs=4"]}),
        ("failed", {"result": {"status": "FAILED", "overrides": []}}),
        ("pruned", {"result": {**RESULT, "status": "PRUNED"}}),
        ("stopped", {"result": {**RESULT, "status": "PRUNED", "step": 10}}),
        ("finished", {"metrics": None}),
        ("finished", {"overrides": None}),
    ],
)
def test_states(make_run, state, changes):
    assert read_run(make_run("a", **changes), running=False).state == state


@pytest.mark.parametrize(
    ("state", "journal"),
    [
        ("failed", '{"event": "start"}\n{"event": "finish", "status": "FAILED"}\n'),
        ("stopped", '{"event": "start"}\n{"event": "finish", "status": "KILLED"}\n'),
        ("stopped", '{"event": "finish", "status": "FAILED"}\n{"event": "resume"}\n'),
        ("stopped", '{"event": "start"}\n{"event": "met'),
        ("stopped", ""),
    ],
)
def test_how_a_run_without_result_ended_is_in_its_journal(make_run, state, journal):
    path = make_run("a", result=None)
    (path / "tracking.jsonl").write_text(journal)
    assert read_run(path, running=False).state == state


def test_a_locked_directory_is_running_whatever_it_holds(make_run):
    path = make_run("a", config=None, result=None, metrics=None, environment=None, overrides=None)
    run = read_run(path, running=True)
    assert (run.state, run.epochs, run.max_epochs) == (State.RUNNING, 0, None)


def test_a_job_that_failed_at_once_has_nothing_but_its_result(tmp_path):
    result = {"status": "FAILED", "error": "no data", "overrides": ["seed=1"]}
    (tmp_path / "result.json").write_text(json.dumps(result))
    run = read_run(tmp_path, running=False)
    assert (run.state, run.overrides) == (State.FAILED, ["seed=1"])


def test_the_last_line_of_a_killed_run_is_left_out(make_run):
    path = make_run("a")
    with (path / "metrics.dat").open("a") as file:
        file.write("2 0.04 0")
    assert read_run(path, running=False).epochs == 2


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.yaml", "a: [", "config.yaml: is not YAML: "),
        ("config.yaml", "7", "config.yaml: expected a mapping of keys, found int"),
        ("config.yaml", "training: 7", "'training': expected a group of keys, found 7"),
        ("environment.json", "{", "environment.json: is not JSON: "),
        ("result.json", "[]", "result.json: expected an object, found list"),
        ("metrics.dat", "time loss\n", "line 1: expected a header that starts with 'epoch'"),
        ("metrics.dat", "epoch loss\n0 1\n1 2 3\n", "line 3: has 3 columns, the header 2"),
        ("metrics.dat", "epoch loss\n0 big\n", "line 2: expected an epoch and numbers"),
        ("metrics.dat", "epoch loss\nnan 1\n", "line 2: expected an epoch and numbers"),
    ],
)
def test_damage_is_named_in_one_line(make_run, file, content, message):
    path = make_run("a")
    (path / file).write_text(content)
    with pytest.raises(DataError) as caught:
        read_run(path, running=False)
    assert message in str(caught.value)
    assert str(path / file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_named(make_run):
    path = make_run("a")
    for name in ("metrics.dat", "result.json", "config.yaml"):
        kept = (path / name).read_bytes()
        (path / name).write_bytes(b"\xff\xfe\x00")
        with pytest.raises(DataError, match=name):
            read_run(path, running=False)
        (path / name).write_bytes(kept)


def test_a_run_without_its_configuration_is_incomplete(make_run):
    with pytest.raises(DataError, match=r"the run directory has no config\.yaml"):
        read_run(make_run("a", config=None), running=False)


def test_folders_of_settings_are_no_runs(tmp_path):
    (tmp_path / "config.yaml").write_text("seed: 0")
    assert not is_run(tmp_path)
    (tmp_path / "train.log").write_text("")
    assert is_run(tmp_path)
