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
    assert now["machine"]["threads"] == 1
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


def test_errors_are_set_beside_published_ones(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import accuracy

    def trained(system, data, budget, seed):
        return accuracy.Errors(
            energy=2.0 + seed, forces=60.0, constant=290.0, zero_forces=570.0, seconds=50.0 + seed
        )

    monkeypatch.setattr(accuracy, "_trained", trained)
    energy, forces, training = accuracy.measure(ROOT, ["silicon"], "normal", [0, 1])
    assert (energy.value, forces.value, training.value) == (2.5, 60.0, 50.5)
    assert energy.note == "seeds 2, 3; constant 290; published BP 5.63, GAP 2.91, MTP 2.21"
    page = accuracy.markdown([energy, forces, training])
    assert "| silicon, normal, energy | 2.5 | meV/atom | seeds 2, 3;" in page
    assert "Published: silicon: Zuo et al." in page


def test_systems_that_are_none_are_refused():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "accuracy", "--systems", "silicium"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "unknown 'silicium' (known: silicon, lithium, ethanol)" in done.stderr
