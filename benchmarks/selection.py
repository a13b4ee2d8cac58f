"""Measures whether structures that ``panna-exp select`` chooses teach more than random ones.

    python -m benchmarks.selection [--seeds 0,1,2,3,4] [--json FILE]

For each seed the loop of docs/tutorials/committee.ipynb, with EMT for copper as the teacher: a
committee of three is trained on a few structures of a cool crystal, runs dynamics at several
temperatures, some frames of these are labelled, and it is trained on all that is labelled. One loop
takes what ``select`` chooses, another one random frames of its own dynamics. Both are tested on
dynamics of the teacher. A seed takes one and a half minutes of one core.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.io import read, write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

import panna_exp as pe
from panna_exp.ase import SpreadWatch
from panna_exp.cli import main as panna_exp

TEMPERATURES = (300, 600, 900, 1200)  # kelvin
FIRST, CHOSEN, ROUNDS = 20, 8, 2  # structures at the start, and in each round
FRAMES, STEPS = 30, 10  # by temperature, and between frames
START_WIDTH = 0.05  # angstrom, displacements of the first structures
LIMIT = 5.0  # eV/angstrom, where dynamics of the committee end
MEMBERS = 3
TRAINING = ("training.max_epochs=60", "tracking=none")
WAYS = ("select", "random")


def main() -> None:
    """Runs the loops and prints errors by round."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    output = None if given.json is None else given.json.resolve()
    found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for seed in map(int, given.seeds.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            for way in WAYS:
                found[way].append(loop(way, seed))
                print(f"seed {seed}, {way}: {shown(found[way][-1])}", flush=True)
            os.chdir("/")
    print("\nRMS errors of force components (eV/angstrom) by structures labelled, mean of seeds")
    print("         " + " ".join(f"{FIRST + CHOSEN * number:>7}" for number in range(ROUNDS + 1)))
    for way in WAYS:
        print(f"{way:8} {shown(np.mean(found[way], axis=0))}")
    if output is not None:
        output.write_text(json.dumps(found, indent=1) + "\n")


def shown(errors: Sequence[float]) -> str:
    """Returns numbers in columns."""
    return " ".join(f"{value:7.4f}" for value in errors)


def loop(way: str, seed: int) -> list[float]:
    """Returns the errors after 0, 1, ... rounds; the first is that of the same committee."""
    random = np.random.default_rng(seed)
    test = [frame for t in TEMPERATURES for frame in dynamics(EMT(), t, random)]
    teach(test)
    write("labelled.xyz", teach([crystal(START_WIDTH, random) for _ in range(FIRST)]))
    errors = []
    for number in range(ROUNDS + 1):
        committee = f"{way}_{number}" if number else "first"  # trained once
        train(committee, seed)
        errors.append(error(committee, test))
        if number < ROUNDS:
            write("labelled.xyz", read("labelled.xyz", ":") + teach(chosen(way, committee, random)))
    return errors


def chosen(way: str, committee: str, random: np.random.Generator) -> list[Atoms]:
    """Returns frames of the committee's dynamics, without labels."""
    calculator = pe.load(committee).calculator()
    pool = [frame for t in TEMPERATURES for frame in dynamics(calculator, t, random)]
    if way == "random":
        return [pool[index] for index in random.choice(len(pool), CHOSEN, replace=False)]
    write("pool.xyz", pool)
    files = ("pool.xyz", f"run_dir={committee}", "to=next.xyz", "known=labelled.xyz")
    quiet("select", *files, f"n={CHOSEN}", "force=true")
    return list(read("next.xyz", ":"))


def dynamics(
    calculator: Calculator, temperature: float, random: np.random.Generator
) -> list[Atoms]:
    """Returns frames of dynamics, up to where a committee disagrees about everything."""
    atoms = crystal(0.02, random)
    atoms.calc = calculator
    MaxwellBoltzmannDistribution(atoms, temperature_K=temperature, rng=random)
    friction = 0.02 / units.fs
    moving = Langevin(
        atoms, 2 * units.fs, temperature_K=temperature, friction=friction, fixcm=False, rng=random
    )
    frames: list[Atoms] = []
    moving.attach(lambda: frames.append(Atoms(atoms)), interval=STEPS)
    if not isinstance(calculator, EMT):
        SpreadWatch(moving, LIMIT, "uncertain.xyz", interval=STEPS)
    moving.run(FRAMES * STEPS)
    return frames


def crystal(width: float, random: np.random.Generator) -> Atoms:
    """Returns 16 atoms of copper, each displaced."""
    atoms = bulk("Cu", cubic=True).repeat((2, 2, 1))
    atoms.positions += random.normal(0, width, atoms.positions.shape)
    return atoms


def teach(frames: list[Atoms]) -> list[Atoms]:
    """Labels frames; returns them."""
    for atoms in frames:
        atoms.calc = EMT()
        atoms.get_forces()
    return frames


def train(committee: str, seed: int) -> None:
    """Trains on all that is labelled."""
    seeds = ",".join(str(MEMBERS * seed + member) for member in range(MEMBERS))
    files = ("data.train=labelled.xyz", f"io.train_dir={committee}")
    quiet("train", *files, f"training.seeds=[{seeds}]", *TRAINING)


def error(committee: str, test: list[Atoms]) -> float:
    """Returns the RMS error of force components (eV/angstrom)."""
    calculator = pe.load(committee).calculator()
    wrong = [calculator.get_forces(atoms) - atoms.get_forces() for atoms in test]
    return float(np.sqrt(np.mean(np.square(wrong))))


def quiet(*words: str) -> None:
    """Runs a command; what it prints is shown where it fails."""
    with Path("printed.txt").open("w") as file, redirect_stdout(file), redirect_stderr(file):
        code = panna_exp(list(words))
    if code:
        raise SystemExit(Path("printed.txt").read_text())


if __name__ == "__main__":
    main()
