"""``pair_style panna`` in LAMMPS: time per atom and step, and the floating-point rate.

One process, one thread; silicon at 300 K, neighbour lists included. Operations are counted from the
plugin's source (``lammps/panna_descriptor.cpp``), an addition or a multiplication as one, beside
the rate at which numpy multiplies two matrices of 1024 on the same core.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.io import write
from ase.neighborlist import neighbor_list
from threadpoolctl import threadpool_limits

from benchmarks import measure as timing
from benchmarks.measure import Measurement, make_networks
from benchmarks.systems import SILICON
from panna_exp.assembly.saved import SavedPotential
from panna_exp.deploy.lammps_plugin import PluginError, compile_plugin, installed_lammps
from panna_exp.deploy.lammps_potential import write_lammps_potential
from panna_exp.descriptors.info import Descriptor
from panna_exp.descriptors.parameters import MBPParameters

# Operations of the plugin's elementary functions.
_EXPONENTIAL, _ROOT, _POWER, _CUTOFF, _ACTIVATION = 32, 20, 14, 40, 40
_ATOMS = (512, 4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A potential: cutoffs (angstrom), radial, angular components, hidden layers and output."""

    cutoffs: tuple[float, float]
    radial: int
    shells: int
    angles: int
    layers: tuple[int, ...]

    @property
    def parameters(self) -> MBPParameters:
        """The descriptor."""
        radial, angular = self.cutoffs
        return MBPParameters(
            species=SILICON.symbols,
            generation="C",
            cutoff_radial=radial,
            radial_eta=(8.0,) * self.radial,
            radial_centers=tuple(np.linspace(0.6, radial - 0.5, self.radial).tolist()),
            cutoff_angular=angular,
            angular_eta=(4.0,) * self.shells,
            angular_centers=tuple(np.linspace(0.6, angular - 0.5, self.shells).tolist()),
            zeta=(24.0,) * self.angles,
            thetas=tuple((np.pi * (np.arange(self.angles) + 0.5) / self.angles).tolist()),
        )

    @property
    def label(self) -> str:
        """For the table."""
        layers = ":".join(map(str, self.layers))
        return f"{self.cutoffs[0]:g} / {self.cutoffs[1]:g} A, D {self.parameters.size}, {layers}"

    def operations(self, neighbors: float, near: float) -> float:
        """Returns what one atom's energy and forces take, by neighbours within the cutoffs."""
        triples = near * (near - 1) / 2
        pair = 20 + _CUTOFF + self.radial * (6 + _EXPONENTIAL + 9)
        products = self.shells * self.angles
        triple = (
            *(10, 25, 20),  # made, derivatives spread over the neighbours, their sums
            self.angles / 2 * _ROOT,  # theta and pi - theta share a root
            self.angles * (_POWER + 16),
            self.shells * (_EXPONENTIAL + 5 + 11),
            6 * products,  # values, and sums with B and dB/dc
        )
        weights = sum(a * b for a, b in pairwise((self.parameters.size, *self.layers)))
        network = 4 * weights + _ACTIVATION * sum(self.layers)
        return (neighbors + near) * pair + triples * sum(triple) + network


CASES = (
    Case(cutoffs=(5.0, 4.0), radial=12, shells=4, angles=8, layers=(24, 12, 1)),
    Case(cutoffs=(6.0, 4.5), radial=16, shells=4, angles=8, layers=(32, 32, 1)),
)


def measure() -> Iterator[Measurement]:
    """Yields times and rates; nothing but a note where LAMMPS or a compiler are missing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            compile_plugin(installed_lammps(), folder)
        except PluginError as error:
            yield Measurement(name="not measured", value=float("nan"), unit="", note=str(error))
            return
        peak = _peak()
        for case in CASES:
            for atoms in _ATOMS:
                seconds = min(_seconds(folder, case, atoms) for _ in range(_repeats()))
                rate = case.operations(*_neighbors(case)) / seconds / 1e9
                yield Measurement(
                    name=f"{case.label}, {atoms} atoms",
                    value=1e6 * seconds,
                    unit="us/atom/step",
                    higher_is_better=False,
                    note=f"{rate:.1f} Gflop/s, dgemm {peak:.1f}: {rate / peak:.0%}",
                )


def _repeats() -> int:
    return 3 if timing.WINDOWS > 1 else 1


def _neighbors(case: Case) -> tuple[float, float]:
    crystal = bulk("Si", cubic=True)
    radial, angular = (len(neighbor_list("i", crystal, cutoff)) / 8 for cutoff in case.cutoffs)
    return radial, angular


def _seconds(folder: Path, case: Case, atoms: int) -> float:
    """Runs LAMMPS; returns seconds per atom and step of its loop."""
    repeat = round((atoms / 8) ** (1 / 3))
    write(
        folder / "data", bulk("Si", cubic=True) * ((repeat,) * 3), format="lammps-data", masses=True
    )
    networks = make_networks(SILICON, case.parameters.size, case.layers).to_data()
    potential = SavedPotential(
        name="benchmark",
        networks=networks,
        descriptor=Descriptor.of(case.parameters),
        energy_rescale=100.0,  # random networks would move the atoms far
        config={},
    )
    write_lammps_potential(potential, folder / "x.panna")
    steps = 200 if timing.WINDOWS > 1 else 5
    (folder / "input").write_text(
        "units metal\natom_style atomic\nread_data data\nplugin load ./pannaplugin.so\n"
        "pair_style panna threads 1\npair_coeff * * x.panna Si\nvelocity all create 300 7\n"
        f"neighbor 1.0 bin\nfix 1 all nve\ntimestep 0.0005\nrun {steps}\n"
    )
    lammps = installed_lammps()
    done = subprocess.run(
        [str(lammps.program), "-in", "input", "-log", "none", "-nocite"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "LD_LIBRARY_PATH": str(lammps.libraries[0])},
    )
    found = re.search(r"Loop time of (\S+) on", done.stdout)
    assert found, done.stdout
    return float(found[1]) / steps / (8 * repeat**3)


def _peak() -> float:
    """Returns the Gflop/s of numpy's product of matrices on one core."""
    matrix = np.random.default_rng(0).normal(size=(1024, 1024))
    with threadpool_limits(1):
        seconds = timing.best(lambda: matrix @ matrix, 3)
    return 2 * 1024**3 / seconds / 1e9
