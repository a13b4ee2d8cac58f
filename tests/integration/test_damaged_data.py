"""Damaged data files and networks: an error of one line or the numbers that were there, ever."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).resolve().parent.parent / "damage/campaign.py"


def campaign(folder, count):
    done = subprocess.run(
        [sys.executable, str(CAMPAIGN), str(folder), str(count)],
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def judged(outcomes):
    """Fails where a file crashed, hung or confused a reader; returns the damaged ones."""
    whole = {item["kind"]: item for item in outcomes if item["seed"] < 0}
    assert all("read" in item for item in whole.values()), whole
    wrong = []
    for item in outcomes:
        silent = item["checked"] and item.get("read", "") not in ("", whole[item["kind"]]["read"])
        several_lines = "\n" in item.get("error", "")
        if silent or several_lines or not item.keys() & {"read", "error"}:
            wrong.append(item)
    assert not wrong, f"{len(wrong)}, first: {json.dumps(wrong[0], indent=1)}"
    return [item for item in outcomes if item["seed"] >= 0]


def through_the_command(program, items):
    """Converts data and evaluates networks as a user would."""
    first = next(item for item in items if item["kind"] == "extxyz")
    whole = Path(first["path"]).parents[1] / "sample.xyz"
    for item in items:
        path, kind = item["path"], item["reader"]
        if kind == "networks":
            words = ["evaluate", f"network_dir='{path}'", "data.kind=ase", f"data.test={whole}"]
            words.append("io.eval_dir=evaluated")
        else:
            words = ["convert", "--from", kind, path, "out.h5", "--force"]
            words += ["--species", "H,O"] if kind in ("tfrecord", "bin") else []
            words += ["--energy-unit", "eV"] if kind == "npz" else []
        done = program.run(*words, code=None)
        assert done.returncode in (0, 2), (item, done.returncode, done.stderr[-2000:])
        assert "Traceback" not in done.stderr + done.stdout, (item, done.stderr[-2000:])


def test_damaged_files_are_errors_or_whole(program, tmp_path_factory):
    items = judged(campaign(tmp_path_factory.mktemp("damage"), 4))
    assert len(items) == 64
    through_the_command(program, items[::4])


@pytest.mark.slow
def test_three_thousand_damaged_files(program, tmp_path_factory):
    items = judged(campaign(tmp_path_factory.mktemp("damage"), 200))
    assert len(items) == 3200
    through_the_command(program, items[::10])
