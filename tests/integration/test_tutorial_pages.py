"""The tutorials from a file to dynamics and to a committee do what they say, from top to bottom."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.io import read

pytestmark = pytest.mark.slow

TUTORIALS = Path(__file__).resolve().parents[2] / "docs/tutorials"
QUICK = ("training.max_epochs=3", "tracking=none")
ELSEWHERE = ("lammps-plugin",)  # compiled and run by the tests of LAMMPS


def blocks(page, language):
    text = (TUTORIALS / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def python(program, code):
    """Runs a block as a script in the folder of the program; returns what it prints."""
    script = program.folder / "block.py"
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", script.name],
        cwd=program.folder,
        env=program.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands(program, page):
    """Runs what a page shows of this program, trainings for a few epochs."""
    for block in blocks(page, "bash"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["panna-exp"] and words[1] not in ELSEWHERE:
                yield words[1], program.run(*words[1:], *(QUICK if words[1] == "train" else ()))


def test_from_a_file_to_dynamics_and_a_committee(shared_program):
    program = shared_program
    data, dynamics = blocks("file-to-dynamics.md", "python")
    python(program, data)
    done = dict(commands(program, "file-to-dynamics.md"))
    assert list(done) == ["inspect", "train", "export"]
    assert "Cu 3840" in done["inspect"].stdout
    assert "own data, 120 structures" in done["train"].stdout
    assert (program.folder / "copper.panna").is_file()
    energies = [float(line.split()[0]) for line in python(program, dynamics).splitlines()]
    assert len(energies) == 5
    assert np.isfinite(energies).all()  # three epochs make no good potential

    new, label, watched = blocks("committee.md", "python")
    python(program, new)
    steps = commands(program, "committee.md")
    assert [next(steps)[0] for _ in range(3)] == ["train", "predict", "select"]
    assert len(read(program.folder / "next.xyz", index=":")) == 2
    python(program, label)
    labelled = read(program.folder / "copper2.xyz", index=":")
    assert len(labelled) == 122
    assert all(atoms.calc is not None for atoms in labelled)
    assert [name for name, _ in steps] == ["train"]
    assert "stopped: True" in python(program, watched)  # those of three epochs disagree at once
    assert read(program.folder / "uncertain.xyz").info["forces_spread"] > 0.5
