"""Memory of a crystal of 1,000 atoms, at the peak of a process that does nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

# The last line that a process prints: what it took at most (kB). Not getrusage, whose maximum
# begins with the memory of the process that it was forked from.
STATUS = Path("/proc/self/status")
PEAK = f"print(*[line.split()[1] for line in open('{STATUS}') if line.startswith('VmHWM')])"
TRAIN = f"import sys; from panna_exp.cli import main; assert main(sys.argv[1:]) == 0; {PEAK}"
RUN = f"""
from ase.io import read
from ase.md.verlet import VelocityVerlet
from panna_exp.ase import PannaCalculator
atoms = read("si.extxyz", 0)
atoms.calc = PannaCalculator("run")
VelocityVerlet(atoms, 1.0).run(5)
atoms.get_stress()
{PEAK}
"""


def peak(program, code, *arguments):
    """Megabytes."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=program.folder,
        env=program.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1]) / 1024


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="needs Linux's /proc")
def test_a_crystal_of_a_thousand_atoms(program):
    frames = []
    for seed in range(4):
        atoms = bulk("Si", cubic=True) * 5
        atoms.rattle(0.05, seed=seed)
        forces = 0.1 * (atoms.positions - atoms.positions.mean(axis=0))
        atoms.calc = SinglePointCalculator(atoms, energy=-5.0 * len(atoms) - seed, forces=forces)
        frames.append(atoms)
    assert len(frames[0]) == 1000
    write(program.folder / "si.extxyz", frames)
    training = peak(
        program, TRAIN, "train", "data=ase", "data.train=si.extxyz", "data.species=[Si]",
        "data.reference_energies=fit", "training=forces", "training.max_epochs=2",
        "training.batch_size=1", "descriptor.Rc_rad=5", "descriptor.Rc_ang=5", "tracking=none",
        "io.train_dir=run",
    )  # fmt: skip
    peak(program, RUN)  # compiles loops where nobody has yet, which takes memory of its own
    inference = peak(program, RUN)
    print(f"training {training:.0f} MB, inference {inference:.0f} MB")
    assert training < 2000
    assert inference < 500
