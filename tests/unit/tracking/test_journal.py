"""The journal: whole lines only, every value once, whatever happens to process and disk."""

import errno
import json
import logging
import math
import os
import re

import pytest

from panna_exp.errors import PannaExpError
from panna_exp.tracking.base import RunStatus, TrackedEvaluation
from panna_exp.tracking.journal import Journal, read_events

STORE = {"uri": "sqlite:///x.db", "launch_dir": "/launch"}


def events(path, kind=None):
    found = [event for event, _ in read_events(path, 0)]
    return found if kind is None else [event for event in found if event["event"] == kind]


def points(path):
    return [(e["step"], k, v) for e in events(path, "metrics") for k, v in e["values"].items()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tracking.jsonl"


def test_a_run_from_start_to_finish(path, run):
    journal = Journal(path)
    journal.start(run, STORE)
    journal.log(1, {"loss": 0.5, "bad": math.nan})
    journal.save("config.yaml", "")
    journal.finish(RunStatus.FINISHED)
    journal.flush()
    start, metrics, artifact, finish = events(path)
    assert start["event"] == "start"
    assert start["params"] == {"training.learning_rate": "0.01", "network.species": "{}"}
    assert start["store"] == STORE
    assert metrics["values"]["loss"] == 0.5
    assert math.isnan(metrics["values"]["bad"])
    assert artifact == {"event": "artifact", "path": "config.yaml", "folder": ""}
    assert finish["status"] == "FINISHED"


def test_redone_steps_are_skipped_key_by_key(path, run):
    first = Journal(path)
    first.start(run, STORE)
    for step in (1, 2, 3):
        first.log(step, {"a": step})
    first.log(2, {"b": 20})
    first.flush()
    second = Journal(path)
    second.start(run, STORE)
    for step in (2, 3, 4):
        second.log(step, {"a": -step, "b": -step})
    second.flush()
    assert points(path) == [
        *((1, "a", 1), (2, "a", 2), (3, "a", 3), (2, "b", 20)),
        *((3, "b", -3), (4, "a", -4), (4, "b", -4)),
    ]
    assert [e["event"] for e in events(path) if "key" in e] == ["start", "resume"]
    assert len({e["key"] for e in events(path) if "key" in e}) == 1


@pytest.mark.parametrize("cut", [1, 10])
def test_a_torn_last_line_is_cut_off(path, run, cut):
    first = Journal(path)
    first.start(run, STORE)
    first.log(1, {"a": 1})
    first.flush()
    first.log(2, {"a": 2})
    first.flush()
    os.truncate(path, path.stat().st_size - cut)
    assert points(path) == [(1, "a", 1)]
    second = Journal(path)
    second.start(run, STORE)
    second.log(2, {"a": 2.5})
    second.flush()
    assert points(path) == [(1, "a", 1), (2, "a", 2.5)]
    for line in path.read_text().splitlines():
        json.loads(line)


def test_a_journal_cut_inside_its_first_line_starts_anew(path, run):
    path.write_text('{"event": "sta')
    journal = Journal(path)
    journal.start(run, STORE)
    journal.flush()
    assert [event["event"] for event in events(path)] == ["start"]


def test_a_full_disk_costs_nothing_but_a_warning(path, run, monkeypatch, caplog):
    journal = Journal(path)
    journal.start(run, STORE)
    journal.log(1, {"a": 1})
    journal.flush()
    write = os.write

    def full(file, data):
        write(file, data[:7])
        return 7

    def failing(file, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with caplog.at_level(logging.WARNING):
        for broken in (full, failing):
            monkeypatch.setattr(os, "write", broken)
            journal.log(2 if broken is full else 3, {"a": 2})
            journal.flush()
            assert points(path) == [(1, "a", 1)]
    assert len(caplog.records) == 1
    assert "its lines wait in memory" in caplog.text
    monkeypatch.setattr(os, "write", write)
    journal.flush()
    assert points(path) == [(1, "a", 1), (2, "a", 2), (3, "a", 2)]


@pytest.mark.parametrize("line", ["rubbish", "[1]", '{"step": 1}'])
def test_a_line_that_is_no_event_is_named(path, line):
    path.write_text('{"event": "artifact", "path": "x", "folder": ""}\n' + line + "\n")
    with pytest.raises(PannaExpError, match=re.escape(f"{path}: byte 49: expected a JSON object")):
        Journal(path)


def make_evaluation(tmp_path, **changes):
    values = {
        "data": "test",
        "fingerprint": "a" * 64,
        "dataset": None,
        "step": 10,
        "values": {"mae": 1.25},
        "files": [tmp_path / "run/evaluate/x.png", tmp_path / "elsewhere/x.dat"],
    }
    return TrackedEvaluation(**{**values, **changes})


def test_an_evaluation_is_kept_once_and_other_data_get_another_name(tmp_path):
    path = tmp_path / "tracking.jsonl"
    other = {"fingerprint": "b" * 64, "values": {"mae": 2.0}}
    for value in (1.25, 1.25, 1.5):
        journal = Journal(path)
        for changes in ({"values": {"mae": value}}, {"step": 20}, other, other):
            journal.add_evaluation(make_evaluation(tmp_path, **changes), tmp_path / "run")
        journal.flush()
    found = events(path, "evaluation")
    told = [(event["data"], event["step"], event["values"]["mae"]) for event in found]
    expected = [("test", 10, 1.25), ("test", 20, 1.25), ("test_bbbbbbbb", 10, 2.0)]
    assert told == [*expected, ("test", 10, 1.5)]
    assert found[0]["files"] == ["evaluate/x.png", "../elsewhere/x.dat"]
    assert found[0]["folder"] == "evaluate"
