"""``panna-exp COMMAND --help``, of every command."""

import pytest

from panna_exp.cli import COMMANDS
from panna_exp.config.describe import SCHEMAS, options
from panna_exp.pages import OF_COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_all_its_keys(program, command):
    done = program.run(command, "--help")
    assert done.stdout.startswith(f"usage: panna-exp {command}")
    assert done.stderr == ""
    paragraphs = done.stdout.rstrip().split("\n\n")
    assert paragraphs[2].startswith(f"examples:\n  panna-exp {command}")
    assert "examples:" not in "".join(paragraphs[3:])
    assert paragraphs[-1] == f"more: docs/{OF_COMMANDS[command]}"
    schema = SCHEMAS.get(command.replace("-", "_"))
    for option in options(schema) if schema else ():
        assert f"  {option.key} " in done.stdout or f"  {option.key}\n" in done.stdout
    assert not list(program.folder.iterdir())


def test_help_begins_with_examples_and_what_is_used_most(program):
    text = program.run("train", "--help").stdout
    places = [
        text.index(word) for word in ("examples:", "used most", "of the whole command:", "\nio:")
    ]
    assert places == sorted(places)
    assert "panna-exp train debug=tiny" in text[: places[1]]


def test_examples_compose(program):
    (program.folder / "my.xyz").touch()
    lines = program.run("train", "--help").stdout.splitlines()
    start = lines.index("examples:") + 1
    for line in lines[start : lines.index("", start)]:
        words = line.strip().split("  ")[0].split()[2:]
        if "-m" not in words:
            program.run("train", *words, "--cfg", "job")


def test_one_key_is_explained(program):
    done = program.run("help", "training.batch_size")
    assert done.stdout.startswith("  training.batch_size                 (20) ")
    assert "of train\n" in done.stdout
    assert "of evaluate\n" in program.run("help", "io.eval_dir").stdout
    assert "one of auto, cpu, cuda" in program.run("help", "device").stdout
    assert "chooses one of annealed, energy" in program.run("help", "training").stdout
    shown = program.run("train", "--help", "training.patience").stdout
    assert shown.startswith("  training.patience ")
    done = program.run("help", "training.batchsize", code=2)
    assert "no such key, did you mean 'training.batch_size'?" in done.stderr
    assert program.run("help", "evaluate").stdout.startswith("usage: panna-exp evaluate")


def test_info_and_the_composed_configuration_are_shown(program):
    shown = program.run("train", "seed=7", "--cfg", "job", "--package", "training").stdout
    assert shown.startswith("# @package training\nbudget: normal\nbatch_size: 20\n")
    assert "data/tutorial" in program.run("train", "--info", "defaults").stdout
    assert not list(program.folder.iterdir())
