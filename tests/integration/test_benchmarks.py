"""The benchmarks run, and compare with an earlier result."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


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
