"""Completion in a real bash, and in zsh where there is one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from panna_exp.cli import COMMANDS

LINES = {
    "panna-exp ": set(COMMANDS),
    "panna-exp ev": {"evaluate"},
    "panna-exp train net": {"network.", "network="},
    "panna-exp train network=": {"network=default", "network=h_deep", "network=own"},
    "panna-exp train training.batch": {"training.batch_size="},
    "panna-exp evaluate io.": {"io.eval_dir="},
    "panna-exp train device=c": {"device=cpu", "device=cuda"},
    "panna-exp train io.keep_best=": {"io.keep_best=true", "io.keep_best=false"},
    "panna-exp train data.train=my": {"data.train=my.xyz"},
    "panna-exp evaluate run_dir=ou": {"run_dir=outputs/"},
    "panna-exp train --conf": {"--config-dir", "--config-name"},
    "panna-exp train nosuch": set(),
}


def offered(program, shell, script):
    """What a script of a shell prints where ``panna-exp`` is this program."""
    (program.folder / "my.xyz").touch()
    (program.folder / "outputs").mkdir()
    folder = program.folder / "bin"
    folder.mkdir()
    command = folder / "panna-exp"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m panna_exp "$@"\n')
    command.chmod(0o755)
    root = Path(__file__).parents[2]
    return subprocess.run(
        [*shell, "-c", f'eval "$(panna-exp -sc install={shell[0]})"\n{script}'],
        cwd=program.folder,
        env={
            **program.environment(),
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(root),
            "ZDOTDIR": str(program.folder),
        },
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.parametrize("line", LINES)
def test_what_bash_offers(program, line):
    done = offered(
        program,
        ["bash"],
        f"COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=({line}) COMP_CWORD=1\n"
        '_panna_exp\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
        "complete -p panna-exp >&2\n",
    )
    assert set(done.stdout.split()) == LINES[line]
    assert "-F _panna_exp panna-exp" in done.stderr


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_what_zsh_offers(program):
    """Of the line editor's own commands, which only it has, others print their arguments."""
    script = ["compadd() { print -l -- ${@[(r)--,-1]:#--} }", "_files() { print FILES }"]
    for line in LINES:
        words = line.split(" ")
        typed = " ".join(words[:-1])
        script.append(
            f"words=({typed} '{words[-1]}') CURRENT={len(words)} PREFIX='{words[-1]}'; "
            "_panna_exp; print END"
        )
    script.append("print $_comps[panna-exp]")
    *found, function = offered(program, ["zsh", "-f"], "\n".join(script)).stdout.split("END")
    expected = [values or {"FILES"} for values in LINES.values()]
    assert [set(text.split()) for text in found] == expected
    assert function.split() == ["_panna_exp"]


def test_another_shell_is_refused(program):
    done = program.run("-sc", "install=tcsh", code=2)
    assert done.stderr.startswith("error: -sc install=tcsh: expected one of install=bash")
