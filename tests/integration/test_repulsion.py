"""``network.repulsion=zbl`` through the commands."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.io import write

from panna_exp.ase import PannaCalculator

OPTIONS = (
    "training.max_epochs=2",
    "tracking=none",
    "data.train=ar.xyz",
    "threads=1",
    "network.activations=[gaussian,gaussian,linear]",
)
ZBL = "network.repulsion=zbl"


@pytest.fixture(scope="module")
def argon(shared_program):
    frames = []
    for seed in range(20):
        atoms = bulk("Ar", cubic=True) * (1, 1, 2)
        atoms.rattle(0.05 + 0.01 * (seed % 5), seed=seed)
        atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=6.0)
        atoms.get_forces()
        frames.append(atoms)
    close = Atoms("Ar2", [[0, 0, 0], [0, 0, 1.0]], cell=[20, 20, 20], pbc=True)
    close.info["energy"] = 50.0
    close.arrays["forces"] = np.zeros((2, 3))
    write(shared_program.folder / "ar.xyz", frames, format="extxyz")
    write(shared_program.folder / "close.xyz", close, format="extxyz")
    shared_program.run("train", *OPTIONS, "network.repulsion=none", "io.train_dir=plain")
    done = shared_program.run("train", *OPTIONS, ZBL, "io.train_dir=zbl")
    assert "repulsion of nuclei (ZBL) within, in angstrom: Ar-Ar " in done.stdout + done.stderr
    return shared_program


def result_of(folder):
    return json.loads((folder / "result.json").read_text())["metrics"]


def test_the_training_is_the_same_and_atoms_repel_each_other(argon):
    folder = argon.folder
    argon.assert_identical(folder / "plain", folder / "zbl")
    assert result_of(folder / "plain") == result_of(folder / "zbl")
    energies = {}
    for name in ("plain", "zbl"):
        calculator = PannaCalculator(folder / name)
        energies[name] = [
            calculator.get_potential_energy(Atoms("Ar2", [[0, 0, 0], [0, 0, r]]))
            for r in (0.3, 1.0, 5.0)
        ]
    difference = np.subtract(energies["zbl"], energies["plain"])
    assert difference[0] > 100 * difference[1] / 50 > 1
    assert difference[2] == 0


def test_evaluations_have_it_too(argon):
    values = {}
    for name in ("plain", "zbl"):
        argon.run("evaluate", f"run_dir={name}", "data.test=close.xyz")
        (table,) = (argon.folder / name / "evaluate" / "close").glob("epoch_*[0-9].dat")
        values[name] = float(table.read_text().splitlines()[1].split()[3])
    atoms = Atoms("Ar2", [[0, 0, 0], [0, 0, 1.0]], cell=[20, 20, 20], pbc=True)
    expected = PannaCalculator(argon.folder / "zbl").get_potential_energy(atoms)
    assert values["zbl"] == pytest.approx(expected, rel=1e-5)
    assert values["zbl"] > values["plain"] + 10


def test_weights_take_it_along_and_panna_is_told(argon):
    done = argon.run("extract-weights", "run_dir=zbl", "io.output_dir=weights")
    assert (
        "note: the potential's short-range repulsion (network.repulsion) is not for" in done.stdout
    )
    atoms = Atoms("Ar2", [[0, 0, 0], [0, 0, 1.0]])
    energies = [
        PannaCalculator(argon.folder / name).get_potential_energy(atoms)
        for name in ("zbl", "weights")
    ]
    assert energies[1] == pytest.approx(energies[0], rel=1e-6)


def test_a_run_goes_on_as_it_began(argon):
    more = [item for item in OPTIONS if "epochs" not in item] + ["training.max_epochs=3"]
    done = argon.run("train", *more, "network.repulsion=none", "io.train_dir=zbl", code=2)
    assert "its potential has a short-range repulsion, but network.repulsion=none" in done.stderr
    argon.run("train", *more, ZBL, "io.train_dir=zbl")
