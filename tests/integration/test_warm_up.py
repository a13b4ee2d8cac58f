"""``panna-exp warm-up`` leaves nothing to compile."""

import sys

import pytest
from ase.build import molecule
from ase.io import write

TRAIN = ("train", "training.max_epochs=1", "tracking=none", "threads=1")


def test_what_is_no_key_is_refused(program):
    done = program.run("warm-up", "--all", code=2)
    assert done.stderr == (
        "error: warm-up: unknown option '--all', expected key=value of train "
        "(docs/explanation/execution.md)\n"
    )


def test_a_mistake_is_told_before_anything_is_compiled(program):
    done = program.run("warm-up", "descriptor.RsN_rda=3", code=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: warm-up: ")
    assert "RsN_rda" in line
    assert done.stdout == ""


@pytest.mark.slow
def test_nothing_is_compiled_afterwards(program, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setattr(sys.modules[type(program).__module__], "LONGEST", 900.0)
    done = program.run("warm-up", "descriptor=mbp", "descriptor.RsN_rad=3", fresh=True)
    assert "descriptor=mbp descriptor.RsN_rad=3: " in done.stdout
    assert done.stdout.endswith("compiled loops are kept in kept\n")
    kept = sorted((tmp_path / "kept").glob("*/*.nbc"))
    assert kept

    frames = []
    for seed in range(12):
        atoms = molecule("CH3OH")
        atoms.rattle(0.05, seed=seed)
        frames.append(atoms)
    for atoms in frames:
        atoms.info["energy"], atoms.arrays["forces"] = -30.0 + atoms[0].x, atoms.positions * 0.1
    write(tmp_path / "own.xyz", frames)
    write(tmp_path / "alone.xyz", [atoms[atoms.symbols == "H"] for atoms in frames])
    for file, *options in (
        ("own.xyz",),
        ("alone.xyz",),
        ("own.xyz", "descriptor=mbp", "descriptor.RsN_rad=3"),
        ("own.xyz", "training.forces_cost=0", "execution=numba"),
    ):
        name = f"io.train_dir=run{len(list(tmp_path.glob('run*')))}"
        program.run(*TRAIN, f"data.train={file}", *options, name, fresh=True)
    program.run("predict", "own.xyz", "run_dir=run0", "to=predicted.xyz", fresh=True)
    assert sorted((tmp_path / "kept").glob("*/*.nbc")) == kept
