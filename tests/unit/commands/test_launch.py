import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from panna_exp.commands.command_line import CommandLine
from panna_exp.commands.launch import rewrite


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("+experiment=a", "experiment=a"),
        ("experiment=a", "experiment=a"),
        ("network.species.H.architecture=[4,1]", "++network.species.H.architecture=[4,1]"),
        ("+network.species.H.architecture=[4,1]", "++network.species.H.architecture=[4,1]"),
        ("data.reference_energies.H=-1", "++data.reference_energies.H=-1"),
        ("~network.species.H", "~network.species.H"),
        ("training.batch_size=3", "training.batch_size=3"),
        ("+species@network.species.H=deep", "+species@network.species.H=deep"),
        ("-m", "-m"),
    ],
)
def test_users_need_not_know_when_hydra_wants_a_plus(typed, given):
    assert rewrite(typed) == given


def test_the_command_that_continues_replaces_what_it_changes(monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python", "bin/panna-exp", "train"])
    line = CommandLine(["seed=1", "training.max_epochs=3", "io.train_dir=x"], Path.cwd() / "a/b")
    assert line.continuing() == "panna-exp train seed=1 training.max_epochs=3 io.train_dir=a/b"
    longer = line.continuing("training.max_epochs=6")
    assert longer == "panna-exp train seed=1 io.train_dir=a/b training.max_epochs=6"


def test_folders_with_odd_names_survive_both_grammars(monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "panna_exp", "train"])
    command = CommandLine([], Path("/tmp/my run (1), x=2")).continuing()
    assert command.startswith("python -m panna_exp train ")
    import shlex

    override = OverridesParser.create().parse_override(shlex.split(command)[-1])
    assert override.value() == "/tmp/my run (1), x=2"
