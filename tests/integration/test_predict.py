"""Predictions for structures without labels, and a choice among them, through the commands."""

import re

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import read, write

from panna_exp.ase import PannaCalculator

SHORT = (
    "train", "training=forces", "network.architecture=[4,1]", "training.max_epochs=1",
    "training.steps_per_epoch=20", "tracking=none", "data.generation=C",
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(shared_program):
    shared_program.run(*SHORT, "training.seeds=[0,1]", "io.train_dir=both")
    folder = shared_program.folder
    crystal = Atoms("CH4", molecule("CH4").positions, cell=[5.0, 5.5, 6.0], pbc=True)
    crystal.rattle(0.05, seed=0)
    write(folder / "new.xyz", [molecule("H2O"), crystal, molecule("NH3")])
    crystal.write(folder / "POSCAR", format="vasp")
    return shared_program


def test_they_are_those_of_the_calculator(trained):
    folder = trained.folder
    done = trained.run("predict", "new.xyz", "run_dir=both/seed_1", "to=out.xyz")
    assert done.stdout == "epoch_1_step_20 (best by validation loss): 3 structures, out.xyz\n"
    calculator = PannaCalculator(folder / "both/seed_1")
    given, found = read(folder / "new.xyz", ":"), read(folder / "out.xyz", ":")
    assert [str(atoms.symbols) for atoms in found] == ["OH2", "CH4", "NH3"]
    for atoms, predicted in zip(given, found, strict=True):
        atoms.calc = calculator
        assert predicted.get_potential_energy() == pytest.approx(atoms.get_potential_energy())
        np.testing.assert_allclose(predicted.get_forces(), atoms.get_forces(), atol=1e-9)
        np.testing.assert_allclose(
            predicted.calc.results["energies"], atoms.get_potential_energies(), atol=1e-9
        )
    np.testing.assert_allclose(found[1].get_stress(), given[1].get_stress(), atol=1e-10)
    assert "stress" not in found[0].calc.results


def test_a_committee_has_a_spread_and_other_files_are_read_too(trained):
    folder = trained.folder
    done = trained.run("predict", "POSCAR", "new.xyz", "run_dir=both", "to=com.extxyz")
    assert "mean of 2 members: 4 structures, com.extxyz\n" in done.stdout
    assert "spread of energies: " in done.stdout
    found = read(folder / "com.extxyz", ":")
    energies = []
    for seed in (0, 1):
        trained.run("predict", "POSCAR", f"run_dir=both/seed_{seed}", "to=one.xyz")
        energies.append(read(folder / "one.xyz").get_potential_energy())
    assert found[0].get_potential_energy() == pytest.approx(np.mean(energies))
    assert found[0].info["energy_std"] == pytest.approx(np.std(energies))
    assert found[0].arrays["forces_std"].shape == (5, 3)
    assert found[0].get_potential_energy() == pytest.approx(found[2].get_potential_energy())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "predict: no file with structures is named"),
        (("new.xyz", "run_dir=both"), "predict: to= is missing"),
        (
            ("new.xyz", "to=o.xyz", "rundir=both"),
            "'rundir=both', expected .*did you mean 'run_dir'",
        ),
        (("new.xyz", "to=o.h5", "run_dir=both"), "to=o.h5: expected a name that ends with .xyz"),
        (("gone.xyz", "to=o.xyz", "run_dir=both"), "gone.xyz: no such file"),
        (("new.xyz", "to=o.xyz", "run_dir=gone"), "gone: no such file or directory"),
        (
            ("si.xyz", "to=o.xyz", "run_dir=both"),
            r"si.xyz, structure 0 .*, atom 0: species 'Si' is",
        ),
        (("new.xyz", "to=o.xyz", "run_dir=both", "precision=half"), "precision=half: expected"),
        (("bad.xyz", "to=o.xyz", "run_dir=both"), "bad.xyz"),
    ],
)
def test_mistakes_are_lines_and_write_nothing(trained, arguments, message):
    (trained.folder / "si.xyz").write_text("1\n\nSi 0 0 0\n")
    (trained.folder / "bad.xyz").write_text("2\n\nH 0 0 zero\n")
    done = trained.run("predict", *arguments, code=2)
    assert all(line.startswith("error: ") for line in done.stderr.splitlines())
    assert re.search(message, done.stderr)
    assert not (trained.folder / "o.xyz").exists()


@pytest.fixture(scope="module")
def pool(trained):
    """Ever more distorted methane, each twice."""
    frames = []
    for number in range(6):
        atoms = molecule("CH4")
        atoms.rattle(0.05 * (number + 1), seed=number)
        frames += [atoms, atoms.copy()]
    write(trained.folder / "pool.xyz", frames)
    return trained


def test_select_takes_what_the_committee_disagrees_on_most_and_no_copies(pool):
    folder = pool.folder
    done = pool.run("select", "pool.xyz", "run_dir=both", "n=4", "to=next.xyz", "by=spread")
    assert "mean of 2 members: 4 of 12 structures, by spread" in done.stdout
    assert done.stdout.endswith("structures: next.xyz, without labels\nplot: next.png\n")
    assert (folder / "next.png").read_bytes().startswith(b"\x89PNG")
    pool.run("predict", "pool.xyz", "run_dir=both", "to=predicted.xyz")
    spreads = [
        np.linalg.norm(atoms.arrays["forces_std"], axis=1).max()
        for atoms in read(folder / "predicted.xyz", ":")
    ]
    chosen = read(folder / "next.xyz", ":")
    assert all(atoms.calc is None for atoms in chosen)
    found = [atoms.info["forces_spread"] for atoms in chosen]
    assert found == pytest.approx(sorted(spreads[::2], reverse=True)[:4])
    places = [int(re.search(r"structure (\d+)", a.info["selected_from"])[1]) for a in chosen]
    assert [spreads[place] for place in places] == pytest.approx(found)
    assert all(f"structure {place} " in done.stdout for place in places)
    source = read(folder / "pool.xyz", ":")
    np.testing.assert_array_equal(chosen[0].positions, source[places[0]].positions)
    done = pool.run("select", "pool.xyz", "run_dir=both", "n=4", "to=next.xyz", code=2)
    assert done.stderr == (
        "error: select: next.xyz: exists already: force=true replaces it\n"
        "error: select: next.png: exists already: force=true replaces it "
        "(docs/tutorials/committee.ipynb)\n"
    )
    more = ("n=9", "to=next.xyz", "force=true", "spread=energy")
    done = pool.run("select", "pool.xyz", "run_dir=both", *more)
    assert len(read(folder / "next.xyz", ":")) == 6
    assert "6 of 12 structures, by both" in done.stdout
    assert "the other 6 structures are near copies (distance=)" in done.stdout


def test_select_by_diversity_needs_no_committee_and_keeps_away_from_what_is_known(pool):
    write(pool.folder / "known.xyz", read(pool.folder / "pool.xyz", "0:6"))
    more = ("run_dir=both/seed_0", "n=9", "by=diversity", "known=known.xyz", "to=far.xyz")
    done = pool.run("select", "pool.xyz", *more)
    assert "forces' spread" not in done.stdout
    found = [atoms.info["selected_from"] for atoms in read(pool.folder / "far.xyz", ":")]
    assert sorted(int(re.search(r"structure (\d+)", item)[1]) for item in found) == [6, 8, 10]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "select: no file with a pool of structures is named.*n= is missing"),
        (("run_dir=both/seed_0",), "both/seed_0: is one potential, and by=both needs the spread"),
        (("by=divers",), "by=divers: expected both, spread or diversity, did you mean 'diversity'"),
        (("n=0",), "n=0: expected a whole number from 1"),
        (("n=1.5",), "n=1.5: expected a whole number from 1"),
        (("distance=-1",), "distance=-1: expected a number from 0"),
        (("distance=inf",), "distance=inf: expected a number from 0"),
        (("to=o.png",), "to=o.png: expected a name that ends with .xyz"),
        (("known=gone.xyz",), "gone.xyz: no such file"),
    ],
)
def test_mistakes_of_select_are_lines_and_write_nothing(pool, arguments, message):
    whole = ("pool.xyz", "run_dir=both", "n=2", "to=o.xyz", *arguments) if arguments else ()
    done = pool.run("select", *whole, code=2)
    assert all(line.startswith("error: ") for line in done.stderr.splitlines())
    assert re.search(message, done.stderr, re.DOTALL)
    assert not list(pool.folder.glob("o.*"))
