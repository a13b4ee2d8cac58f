"""The benchmarks run, and compare with an earlier result."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_numbers_are_printed_written_and_compared(tmp_path):
    name = "ethanol, neighbour lists and triples"
    earlier = {"parts": {"inference": [{"name": name, "unit": "us/atom", "value": 1e9}]}}
    (tmp_path / "earlier.json").write_text(json.dumps(earlier))
    files = ("--json", tmp_path / "now.json", "--compare", tmp_path / "earlier.json")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "inference", "--quick", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "than before" in done.stdout
    now = json.loads((tmp_path / "now.json").read_text())
    assert "; 1 thread" in now["measured"]["inference"]["machine"]
    found = {one["name"]: one for one in now["parts"]["inference"]}
    assert 0 < found[name]["value"] < 1e5
    assert found[name]["higher_is_better"] is False


def test_parts_that_are_none_are_refused():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "speed"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "invalid choice: 'speed'" in done.stderr


LOOP = """
import sys
from benchmarks import selection
selection.FIRST, selection.CHOSEN, selection.ROUNDS, selection.FRAMES = 10, 2, 1, 3
selection.TRAINING = ("training.max_epochs=1", "tracking=none")
sys.argv = ["selection", "--seeds", "0", "--json", "found.json"]
selection.main()
"""


@pytest.mark.slow
def test_chosen_structures_are_compared_with_random_ones(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LOOP],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    (select,), (random,) = found["select"], found["random"]
    assert len(select) == 2
    assert select[0] == random[0] > 0  # of the same committee
    assert "structures labelled, mean of seeds\n              10      12\n" in done.stdout


TINY = """
import argparse, json
from benchmarks import tracking
tracking.EPOCHS = tracking.WINDOWS = 1
tracking.STEPS = 2
overrides = ["training.steps_per_epoch=2", "network.architecture=[4,1]", "tracking.mlflow=false"]
print(json.dumps(tracking.within_one_run(argparse.Namespace(rows=2, overrides=overrides))))
"""


@pytest.mark.slow
def test_what_tracking_costs_is_measured_within_one_run(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", TINY],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "logging every step costs" in done.stdout
    ratio, rows = json.loads(done.stdout.splitlines()[-1])
    assert ratio > 0
    assert [len(row) for row in rows] == [4, 4]


EVALUATED = {
    "energy": {"mae_mev_per_atom": 3.0, "rmse_ev": 0.02},
    "forces": {"all": {"mae_ev_per_angstrom": 0.06, "rmse_ev_per_angstrom": 0.08}},
    "constant_per_species": {"mae_mev_per_atom": 290.0, "rmse_ev": 0.3},
    "zero_forces": {"mae_ev_per_angstrom": 0.57, "rmse_ev_per_angstrom": 0.7},
}


def test_errors_are_kept_and_set_beside_published_ones(monkeypatch, tmp_path):
    """A result replaces an earlier one of the same seed; four seeds are a committee as well."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import accuracy, accuracy_record

    evaluated = []
    monkeypatch.setattr(accuracy, "_train", lambda run, train, budget, seed: 50.0 + seed)
    monkeypatch.setattr(
        accuracy, "_evaluate", lambda run, test: evaluated.append(run.name) or EVALUATED
    )
    record = tmp_path / "record.json"
    for _ in range(2):
        found = list(accuracy.measure(ROOT, ["silicon"], "normal", [0, 1, 2, 3, 4], record))
    assert len(found) == 5 * 3 + 2
    assert evaluated[:5] == [f"seed_{seed}" for seed in range(5)]
    results = accuracy_record.read(record)
    assert [one.seeds for one in results] == [(0,), (1,), (2,), (3,), (4,), (0, 1, 2, 3)]
    page = accuracy_record.with_tables("# Accuracy\n\n## Own data: the numbers\nold", results)
    assert page.startswith("# Accuracy\n\n## Own data: the numbers\n\n### Silicon")
    assert "old" not in page
    assert "| energies per species, no forces | 290 | 570 | |" in page
    assert "seeds 0, 1, 2, 3, 4 | 3.00 +- 0.00 | 60.0 +- 0.0 | 52 |" in page
    assert "committee of seeds 0, 1, 2, 3 | 3.00 | 60.0 | |" in page
    assert "| MTP | 2.21 | 60 | |" in page


def test_every_fifth_structure_is_test_data_where_there_is_no_file_of_it(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import accuracy

    frames = [f"1\nnumber={number}\nH 0 0 0\n" for number in range(12)]
    (tmp_path / "bpa3").mkdir()
    (tmp_path / "bpa3" / "train_300K.xyz").write_text("".join(frames))
    train, test = accuracy._files(accuracy.SYSTEMS["3BPA"], tmp_path, tmp_path)
    assert test.read_text() == frames[4] + frames[9]
    assert train.read_text().count("number=") == 10


def test_the_page_of_accuracy_is_that_of_the_record(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import accuracy_record as record

    page = record.PAGE.read_text()
    assert page == record.with_tables(page, record.read()), (
        "run python -m benchmarks.accuracy_record"
    )


def test_the_page_of_speed_is_that_of_the_record(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import speed_record as record

    page = record.PAGE.read_text()
    kept = json.loads(record.RECORD.read_text())
    assert page == record.with_tables(page, kept), "run python -m benchmarks.speed_record"
    one = {"name": "a", "value": 1234.0, "unit": "s", "bare": 2.0, "note": ""}
    for value in (1.0, 1234.0):
        record.add(tmp_path / "now.json", {"steps": [{**one, "value": value}]}, "this machine")
    record.add(tmp_path / "now.json", {"lammps": [{**one, "bare": None}]}, "another")
    page = record.with_tables(page, json.loads((tmp_path / "now.json").read_text()))
    assert "on: this machine.\n\n| | | | bare | |\n| --- | ---: | --- | ---: | --- |\n" in page
    assert page.count("| a | 1,234 | s | 2.00 | |\n") == 1
    assert page.count("| a | 1,234 | s | | |\n") == 1


def test_systems_that_are_none_are_refused():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "accuracy", "--systems", "silicium"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "unknown 'silicium' (known: silicon, lithium, ethanol, 3BPA)" in done.stderr
