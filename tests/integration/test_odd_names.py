"""Folders with odd names: printed commands are pasted into bash, and the terminal is safe."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from panna_exp.quoting import override

TINY = ("debug=tiny", "network.architecture=[4,1]", "training.max_epochs=1", "threads=1")
NAMES = ["läufe", "1e5", "a b'c\"d", "x$(touch canary)", "esc\x1b[31m"]


@pytest.mark.parametrize("name", NAMES)
def test_the_command_that_trains_on_works_when_pasted(program, name):
    done = program.run("train", *TINY, override("io.train_dir", name))
    assert (program.folder / name / "config.yaml").exists()
    assert "\x1b" not in done.stdout + done.stderr
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("to train on:")]
    command = line.removeprefix("to train on:").strip()
    assert command.startswith("python -m panna_exp train ")
    pasted = command.replace("python", sys.executable, 1) + " --cfg job"
    shown = subprocess.run(
        ["bash", "-c", pasted],
        cwd=program.folder,
        env=program.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    found = yaml.safe_load(shown.stdout)["io"]["train_dir"].replace("\\${", "${")
    assert found == name
    assert not (program.folder / "canary").exists()


def test_folders_that_look_like_numbers_are_what_was_typed(program):
    program.run("train", *TINY, "io.train_dir=1e-4")
    assert [item.name for item in program.folder.iterdir()] == ["1e-4"]


def test_a_home_folder_that_nobody_has_is_named(program):
    for arguments in (
        ("train", "io.train_dir=~nosuchuser/x"),
        ("evaluate", "run_dir=~nosuchuser/x"),
        ("report", "~nosuchuser/x"),
        ("runs", "~nosuchuser/x"),
        ("rerun", "~nosuchuser/x"),
        ("convert", "~nosuchuser/x.xyz", "y.h5"),
        ("diff", "~nosuchuser/x", "y"),
        ("sync", "~nosuchuser/x"),
    ):
        done = program.run(*arguments, code=2)
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "nosuchuser" in done.stderr
    assert not list(program.folder.iterdir())


def test_a_home_folder_is_meant(program, monkeypatch):
    monkeypatch.setenv("HOME", str(program.folder / "me"))
    program.run("train", *TINY, "io.train_dir=~/run", "tracking=none")
    assert (Path(program.folder) / "me" / "run" / "config.yaml").exists()
