"""Completion in a real bash."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from panna_exp.cli import COMMANDS


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("panna-exp ", set(COMMANDS)),
        ("panna-exp ev", {"evaluate"}),
        ("panna-exp train net", {"network.", "network="}),
        ("panna-exp train network=", {"network=default", "network=h_deep", "network=own"}),
        ("panna-exp train training.batch", {"training.batch_size="}),
        ("panna-exp train device=c", {"device=cpu", "device=cuda"}),
        ("panna-exp train io.keep_best=", {"io.keep_best=true", "io.keep_best=false"}),
        ("panna-exp train data.train=my", {"data.train=my.xyz"}),
        ("panna-exp evaluate run_dir=ou", {"run_dir=outputs/"}),
        ("panna-exp train --conf", {"--config-dir", "--config-name"}),
        ("panna-exp train nosuch", set()),
    ],
)
def test_what_bash_offers(program, line, expected):
    (program.folder / "my.xyz").touch()
    (program.folder / "outputs").mkdir()
    folder = program.folder / "bin"
    folder.mkdir()
    command = folder / "panna-exp"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m panna_exp "$@"\n')
    command.chmod(0o755)
    script = (
        'eval "$(panna-exp -sc install=bash)"\n'
        f"COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=({line}) COMP_CWORD=1\n"
        '_panna_exp\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
        "complete -p panna-exp >&2\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=program.folder,
        env={
            **program.environment(),
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(root),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == expected
    assert "-F _panna_exp panna-exp" in done.stderr


def test_another_shell_is_refused(program):
    done = program.run("-sc", "install=tcsh", code=2)
    assert done.stderr.startswith("error: -sc install=tcsh: expected one of install=bash")
