import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from panna_exp.commands import dropin
from panna_exp.config.overrides import for_hydra
from panna_exp.runs.command_line import CommandLine
from panna_exp.runs.session import TrainingResult

INI = """[IO_INFORMATION]
data_dir = d
train_dir = t
[DATA_INFORMATION]
atomic_sequence = H
[TRAINING_PARAMETERS]
batch_size = 2
{}
[DEFAULT_NETWORK]
architecture = 8:1
"""


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
        ("+training.batch_size=3", "training.batch_size=3"),
        ("io.train_dir=1e-4", 'io.train_dir="1e-4"'),
        ("io.train_dir=1e5,true,b", 'io.train_dir="1e5","true",b'),
        ("io.train_dir=null", "io.train_dir=null"),
    ],
)
def test_users_need_not_know_when_hydra_wants_a_plus(typed, given):
    assert for_hydra(typed) == given


def test_the_command_that_continues_replaces_what_it_changes(monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python", "bin/panna-exp", "train"])
    line = CommandLine(["seed=1", "training.max_epochs=3", "io.train_dir=x"], Path.cwd() / "a/b")
    assert line.continuing() == "panna-exp train seed=1 training.max_epochs=3 io.train_dir=a/b"
    longer = line.continuing("training.max_epochs=6")
    assert longer == "panna-exp train seed=1 io.train_dir=a/b training.max_epochs=6"


@pytest.mark.parametrize(
    ("version", "length", "shown"),
    [
        (2, "max_epochs = 3", "(with max_epochs in it)"),
        (1, "max_steps = 105", "(with max_steps=200 in it)"),
        (
            2,
            "max_steps = 105",
            "(with max_epochs=20 and steps_per_epoch=10 instead of max_steps in it)",
        ),
    ],
)
def test_the_command_that_lengthens_a_panna_input(tmp_path, monkeypatch, version, length, shown):
    monkeypatch.chdir(tmp_path)
    Path("x.ini").write_text(INI.format(length))
    commands = []
    monkeypatch.setattr(
        "panna_exp.runs.training.train",
        lambda job: commands.append(job.command) or TrainingResult(metric=None, code=0),
    )
    assert dropin.run_training(["-c", "x.ini", "--panna-version", str(version)]) == 0
    line = commands[0].continuing("training.max_epochs")
    assert line.endswith(f"panna-train -c x.ini --panna-version {version}   {shown}")


def test_folders_with_odd_names_survive_both_grammars(monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "panna_exp", "train"])
    command = CommandLine([], Path("/tmp/my run (1), x=2")).continuing()
    assert command.startswith("python -m panna_exp train ")
    import shlex

    override = OverridesParser.create().parse_override(shlex.split(command)[-1])
    assert override.value() == "/tmp/my run (1), x=2"
