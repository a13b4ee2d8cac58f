import subprocess
import sys
from pathlib import Path

import pytest

from panna_exp import __version__
from panna_exp.cli import COMMANDS, main
from panna_exp.commands import runs
from panna_exp.files import relative


def test_help_lists_every_command_and_imports_nothing_heavy():
    code = (
        "import sys; from panna_exp.cli import main; main(['--help']); "
        "heavy = {'torch', 'mlflow', 'hydra', 'omegaconf', 'numpy', 'rich'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name, command in COMMANDS.items():
        (line,) = [x for x in done.stdout.splitlines() if x.startswith(f"  {name} ")]
        assert line.endswith(command.summary)


@pytest.mark.parametrize("words", [["--version"], ["train", "--version"], ["runs", "--version"]])
def test_version(capsys, words):
    assert main(words) == 0
    assert capsys.readouterr().out == f"panna-exp {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "error: unknown command 'trian', expected one of train, "),
        (["-m"], "error: no command given, expected one of train, "),
    ],
)
def test_an_unknown_command_is_one_line(capsys, arguments, message):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(message)
    assert captured.err.count("\n") == 1


def test_composing_a_training_imports_no_torch():
    code = (
        "import sys; from panna_exp.cli import main; code = main(['train', '--cfg', 'job']); "
        "assert 'torch' not in sys.modules; assert 'mlflow' not in sys.modules; sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "batch_size: 20" in done.stdout


@pytest.fixture
def gone(tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("words", ["train", "inspect a.xyz", "help seed", "rerun r", "runs"])
def test_a_folder_that_is_gone_is_one_line(capsys, gone, words):
    gone.rmdir()
    assert main(words.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: the folder that this was started in is no longer there: start in one that is\n"
    )


def test_a_folder_that_goes_while_a_command_needs_it_is_one_line(capsys, gone, monkeypatch):
    def go_and_ask(_):
        gone.rmdir()
        Path.cwd()

    monkeypatch.setattr(runs, "main", go_and_ask)
    assert main(["runs"]) == 2
    assert capsys.readouterr().err.startswith("error: the folder that this was started in is no")


def test_paths_are_shown_whole_where_the_folder_is_gone(gone):
    gone.rmdir()
    assert relative(gone / "run") == gone / "run"
