"""Trained potentials in ASE: relaxation, dynamics, stress, committees."""

import json

import numpy as np
import pytest

ase = pytest.importorskip("ase")

from ase import Atoms, units  # noqa: E402
from ase.build import bulk, molecule  # noqa: E402
from ase.calculators.morse import MorsePotential  # noqa: E402
from ase.io import read, write  # noqa: E402
from ase.md.verlet import VelocityVerlet  # noqa: E402
from ase.optimize import BFGS  # noqa: E402

from panna_exp.ase import PannaCalculator, SpreadWatch  # noqa: E402
from panna_exp.errors import PannaExpError  # noqa: E402

SHORT = ("training=forces", "network.architecture=[16,8,1]", "tracking=none")
MORSE = {"epsilon": 1.2, "rho0": 4.0, "r0": 2.35, "rcut1": 3.2, "rcut2": 4.2}


def make_silicon(size=1, amplitude=0.0, seed=0):
    atoms = bulk("Si", cubic=True) * (size, 1, 1)
    atoms.rattle(amplitude, seed=seed)
    return atoms


@pytest.fixture(scope="module")
def methane_run(shared_program):
    """Two potentials, trained on the data set that comes with the package."""
    for seed in (0, 1):
        shared_program.run(
            "train", *SHORT, "training.max_epochs=8", f"seed={seed}", f"io.train_dir=m{seed}"
        )
    return shared_program.folder


@pytest.fixture(scope="module")
def silicon_run(shared_program):
    """A potential for silicon, trained on a pair potential."""
    frames = []
    for seed in range(40):
        atoms = make_silicon(amplitude=0.02 + 0.004 * seed, seed=seed)
        atoms.set_cell(atoms.cell * (1 + 0.002 * (seed % 7 - 3)), scale_atoms=True)
        atoms.calc = MorsePotential(**MORSE)
        atoms.get_forces()
        frames.append(atoms)
    write(shared_program.folder / "si.extxyz", frames)
    shared_program.run(
        "train", *SHORT, "data=ase", "data.train=si.extxyz", "data.species=[Si]",
        "data.reference_energies=fit", "training.max_epochs=60", "training.batch_size=8",
        "descriptor.Rc_ang=3.2", "io.train_dir=si",
    )  # fmt: skip
    return shared_program.folder / "si"


def energies_of(atoms, steps, timestep, temperature):
    """Total energies along a constant-energy trajectory."""
    random = np.random.default_rng(1)
    width = np.sqrt(atoms.get_masses()[:, None] * units.kB * temperature)
    atoms.set_momenta(random.normal(size=(len(atoms), 3)) * width)
    dynamics = VelocityVerlet(atoms, timestep * units.fs)
    energies = []
    for _ in range(steps // 10):
        dynamics.run(10)
        energies.append(atoms.get_total_energy())
    return np.array(energies), atoms


def assert_conserved(energies, atoms):
    """The energy neither drifts nor jumps, while kinetic energy moves by far more."""
    scatter = np.abs(energies - energies[0]).max() / len(atoms)
    assert scatter < 1e-3
    drift = np.polyfit(np.arange(len(energies)), energies / len(atoms), 1)[0] * len(energies)
    assert abs(drift) < 2e-4
    assert atoms.get_kinetic_energy() / len(atoms) > 10 * scatter


def test_methane_keeps_its_energy(methane_run):
    atoms = molecule("CH4")
    atoms.calc = PannaCalculator(methane_run / "m0")
    BFGS(atoms, logfile=None).run(fmax=0.02, steps=60)
    energies, atoms = energies_of(atoms, 1000, 0.25, 300)
    assert_conserved(energies, atoms)


def test_silicon_keeps_its_energy(silicon_run):
    atoms = make_silicon()
    atoms.calc = PannaCalculator(silicon_run)
    energies, atoms = energies_of(atoms, 1000, 1.0, 300)
    assert_conserved(energies, atoms)


def test_methane_relaxes_to_a_tetrahedron(methane_run):
    atoms = molecule("CH4")
    atoms.rattle(0.05, seed=3)
    atoms.calc = PannaCalculator(methane_run / "m0")
    assert BFGS(atoms, logfile=None).run(fmax=0.01, steps=200)
    bonds = atoms.get_distances(0, [1, 2, 3, 4])
    np.testing.assert_allclose(bonds, 1.09, atol=0.05)
    angles = [atoms.get_angle(i, 0, j) for i in range(1, 5) for j in range(i + 1, 5)]
    np.testing.assert_allclose(angles, 109.5, atol=3)


def test_lists_are_used_again_without_changing_a_number(silicon_run):
    atoms, fresh = make_silicon(amplitude=0.05), make_silicon(amplitude=0.05)
    atoms.calc = PannaCalculator(silicon_run, skin=0.5)
    fresh.calc = PannaCalculator(silicon_run, skin=0.0)
    random = np.random.default_rng(0)
    atoms.get_forces()
    built = atoms.calc._lists._built
    for number in range(25):
        step = random.normal(scale=0.02, size=(len(atoms), 3))
        for item in (atoms, fresh):
            item.positions += step
        np.testing.assert_allclose(atoms.get_forces(), fresh.get_forces(), atol=1e-10)
        assert atoms.get_potential_energy() == pytest.approx(fresh.get_potential_energy(), abs=1e-9)
        if number == 1:
            assert atoms.calc._lists._built is built
    assert atoms.calc._lists._built is not built


def test_results_of_a_call_stay_when_the_next_is_made(methane_run):
    atoms = molecule("CH4")
    for names in (["m0"], ["m0", "m1"]):
        atoms.calc = PannaCalculator([methane_run / name for name in names])
        atoms.get_forces()
        held = atoms.calc.results
        copies = {name: np.copy(value) for name, value in held.items()}
        for _ in range(3):
            atoms.rattle(0.02, rng=np.random.default_rng(0))
            atoms.get_forces()
            atoms.get_potential_energy()
        assert atoms.calc.results["energy"] != held["energy"]
        for name, value in held.items():
            np.testing.assert_array_equal(value, copies[name])


def test_any_change_of_the_atoms_is_seen(silicon_run):
    atoms = make_silicon(amplitude=0.05)
    atoms.calc = PannaCalculator(silicon_run)
    energy = atoms.get_potential_energy()
    assert atoms.calc.check_state(atoms) == []
    atoms.positions[3, 1] = np.nextafter(atoms.positions[3, 1], 10)
    assert atoms.calc.check_state(atoms) == ["positions"]
    atoms.get_potential_energy()
    atoms.set_cell(1.01 * atoms.cell, scale_atoms=False)
    assert atoms.calc.check_state(atoms) == ["cell"]
    assert atoms.get_potential_energy() != energy
    atoms.pbc = (True, True, False)
    atoms.set_initial_charges(np.ones(len(atoms)))
    assert atoms.calc.check_state(atoms) == ["pbc", "initial_charges"]


def test_the_stress_is_the_slope_of_the_energy_by_strain(silicon_run):
    atoms = make_silicon(amplitude=0.05)
    atoms.calc = PannaCalculator(silicon_run)
    stress = atoms.get_stress(voigt=False)
    for i, j in ((0, 0), (1, 2), (0, 1)):
        ends = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[i, j] += sign * 1e-5 / 2
            strain[j, i] += sign * 1e-5 / 2
            strained = atoms.copy()
            strained.set_cell(atoms.cell @ strain, scale_atoms=True)
            strained.calc = atoms.calc
            ends.append(strained.get_potential_energy())
        difference = (ends[0] - ends[1]) / 2e-5 / atoms.get_volume()
        assert stress[i, j] == pytest.approx(difference, abs=1e-8)


def test_results_do_not_depend_on_the_frame(silicon_run):
    atoms = make_silicon(2, amplitude=0.1)
    atoms.calc = PannaCalculator(silicon_run)
    energy, forces, atomic = (
        atoms.get_potential_energy(), atoms.get_forces(), atoms.get_potential_energies(),
    )  # fmt: skip
    assert atomic.sum() == pytest.approx(energy)
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-10)
    other = atoms.copy()
    other.positions += [11.3, -2.2, 0.4]
    other.calc = PannaCalculator(silicon_run)
    np.testing.assert_allclose(other.get_forces(), forces, atol=1e-9)
    twice = atoms * (1, 2, 1)
    twice.calc = other.calc
    assert twice.get_potential_energy() == pytest.approx(2 * energy)


def test_a_committee_has_means_and_spreads(methane_run):
    atoms = molecule("CH4")
    single = [PannaCalculator(methane_run / name) for name in ("m0", "m1")]
    values = [(c.get_potential_energy(atoms), c.get_forces(atoms)) for c in single]
    atoms.calc = PannaCalculator([methane_run / "m0", methane_run / "m1"])
    energies, forces = (np.array(item) for item in zip(*values, strict=True))
    assert atoms.get_potential_energy() == pytest.approx(energies.mean())
    np.testing.assert_allclose(atoms.get_forces(), forces.mean(axis=0), atol=1e-10)
    assert atoms.calc.results["energy_std"] == pytest.approx(energies.std())
    np.testing.assert_allclose(atoms.calc.results["forces_std"], forces.std(axis=0), atol=1e-10)


def test_extracted_networks_give_the_same_numbers(methane_run, shared_program):
    atoms = molecule("CH4")
    atoms.calc = PannaCalculator(methane_run / "m0")
    forces = atoms.get_forces()
    for kind in ("PANNA", "LAMMPS"):
        shared_program.run(
            "extract-weights", f"run_dir={methane_run / 'm0'}", f"output_type={kind}",
            f"io.output_dir=extracted_{kind}",
        )  # fmt: skip
        atoms.calc = PannaCalculator(methane_run / f"extracted_{kind}", generation="C")
        np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-6)


def test_single_precision_is_near_double(silicon_run):
    atoms = make_silicon(amplitude=0.1)
    results = []
    for precision in ("float64", "float32"):
        atoms.calc = PannaCalculator(silicon_run, precision=precision)
        results.append(atoms.get_forces())
    np.testing.assert_allclose(*results, atol=2e-4)


def test_what_cannot_be_done_is_said(methane_run, tmp_path):
    atoms = Atoms("OSi", positions=[[0, 0, 0], [0, 0, 1.5]])
    atoms.calc = PannaCalculator(methane_run / "m0")
    with pytest.raises(PannaExpError, match="atom 1 is Si, but the potential knows H, C, O, N"):
        atoms.get_potential_energy()
    water = molecule("H2O")
    water.calc = atoms.calc
    with pytest.raises(PannaExpError, match="three lattice vectors"):
        water.get_stress()
    with pytest.raises(PannaExpError, match="no such file or directory"):
        PannaCalculator(tmp_path / "nowhere")
    with pytest.raises(PannaExpError, match="expected float64 or float32"):
        PannaCalculator(methane_run / "m0", precision="half")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"device": "gpu"}, "device='gpu': expected cpu or cuda"),
        ({"device": "cuda:99"}, "device='cuda:99': th"),
        ({"generation": "A"}, "m0/.*: generation is C, but the options say A: leave it out"),
        ({"generation": "D"}, "generation='D': expected one of A, B, C"),
        ({"descriptor": {"Rc_rad": 5.0}}, "m0/.*: Rc_rad is 4.6, but the options say 5: leave"),
        ({"descriptor": {"Rc_rd": 5.0}}, "no such key 'Rc_rd', did you mean 'Rc_rad'"),
        ({"descriptor": {"budget": "large"}}, "no such key 'budget'"),
        ({"descriptor": {"type": "auto"}}, "type=auto is for trainings: say mBP or BP"),
    ],
)
def test_arguments_that_contradict_the_run_or_the_machine(methane_run, arguments, words):
    with pytest.raises(PannaExpError, match=words) as caught:
        PannaCalculator(methane_run / "m0", **arguments)
    assert len(str(caught.value).splitlines()) == 1


def test_arguments_that_agree_with_the_run(methane_run):
    PannaCalculator(methane_run / "m0", generation="C", descriptor={"Rc_rad": 4.6, "zeta": 50})


def test_messages_name_the_folder(methane_run, silicon_run, shared_program):
    shared_program.run(
        "extract-weights", f"run_dir={methane_run / 'm0'}", "io.output_dir=first_version",
        "panna_version=1",
    )  # fmt: skip
    folder = shared_program.folder / "first_version"
    (folder / "descriptor_ranges.json").unlink(missing_ok=True)
    metadata = json.loads((folder / "networks_metadata.json").read_text())
    kept = {key: value for key, value in metadata.items() if key.startswith("networks")}
    (folder / "networks_metadata.json").write_text(json.dumps(kept))
    (folder / "SHA256SUMS").unlink()  # which would say that it was changed
    with pytest.raises(PannaExpError, match=r"first_version: the formula of its stored desc"):
        PannaCalculator(folder)
    with pytest.raises(PannaExpError, match=r"si/_models/epoch_\d+_step_\d+.pt: has the species"):
        PannaCalculator([methane_run / "m0", silicon_run])


def test_extrapolation_is_measured_and_named_once(silicon_run, methane_run, shared_program):
    atoms = make_silicon(amplitude=0.02)
    atoms.calc = PannaCalculator(silicon_run, extrapolation=True)
    atoms.get_forces()
    assert not atoms.calc.results["extrapolation"].any()
    atoms.set_cell(0.8 * atoms.cell, scale_atoms=True)
    with pytest.warns(UserWarning, match=r"atom \d \(Si\) is outside .*, in training it was"):
        atoms.get_forces()
    assert (atoms.calc.results["extrapolation"] > 0.1).all()
    atoms.rattle(0.01)
    atoms.get_forces()  # a second warning would be an error
    # Of a committee the member counts that knows least; networks that do not say are refused.
    water = molecule("H2O")
    water.calc = PannaCalculator([methane_run / "m0", methane_run / "m1"], extrapolation=True)
    water.get_potential_energy()
    assert water.calc.results["extrapolation"].shape == (3,)
    shared_program.run("extract-weights", f"run_dir={silicon_run}", "io.output_dir=bare")
    bare = shared_program.folder / "bare"
    (bare / "descriptor_ranges.json").unlink()
    with pytest.raises(PannaExpError, match="does not say what it was trained on"):
        PannaCalculator(bare, extrapolation=True)


def hot_methane(calculator):
    """Dynamics that leave what was trained on."""
    atoms = molecule("CH4")
    atoms.calc = calculator
    random = np.random.default_rng(0)
    atoms.set_momenta(random.normal(size=(5, 3)) * np.sqrt(atoms.get_masses()[:, None] * 0.1))
    return VelocityVerlet(atoms, 0.5 * units.fs)


def test_dynamics_stop_where_the_committee_disagrees(methane_run, tmp_path):
    committee = PannaCalculator([methane_run / "m0", methane_run / "m1"])
    spreads = []
    free = hot_methane(committee)
    for _ in range(60):
        free.run(1)
        spreads.append(np.linalg.norm(free.atoms.calc.results["forces_std"], axis=1).max())
    limit, keep = sorted(spreads)[40], sorted(spreads)[30]
    first = next(number for number, value in enumerate(spreads) if value > limit)
    watched = hot_methane(committee)
    watch = SpreadWatch(watched, limit, tmp_path / "uncertain.xyz", keep=keep)
    watched.run(60)
    assert watch.stopped
    assert watch.spread == pytest.approx(spreads[first])
    assert watched.nsteps == first + 1
    kept = [value for value in spreads[: first + 1] if value > keep]
    frames = [atoms for atoms in read(tmp_path / "uncertain.xyz", ":") if atoms.info["step"] > 0]
    assert [atoms.info["forces_spread"] for atoms in frames] == pytest.approx(kept)
    assert frames[-1].calc is None
    np.testing.assert_allclose(frames[-1].positions, watched.atoms.positions, atol=1e-7)
    np.testing.assert_allclose(
        frames[-1].arrays["forces_std"], committee.results["forces_std"], atol=1e-7
    )
    watched.run(1)  # goes on
    assert watched.nsteps == first + 2
    relaxed = BFGS(watched.atoms, logfile=None)
    SpreadWatch(relaxed, 0.0, tmp_path / "relaxed.xyz", interval=2)
    relaxed.run(fmax=0.0, steps=20)
    assert relaxed.nsteps == 0


def test_only_a_committee_is_watched(methane_run, tmp_path):
    dynamics = hot_methane(PannaCalculator(methane_run / "m0"))
    with pytest.raises(
        PannaExpError, match="is not a committee, and only a committee has a spread"
    ):
        SpreadWatch(dynamics, 0.5, tmp_path / "x.xyz")
    dynamics = hot_methane(PannaCalculator([methane_run / "m0", methane_run / "m1"]))
    with pytest.raises(PannaExpError, match=r"limit=0.5, keep=0.6: expected 0 <= keep <= limit"):
        SpreadWatch(dynamics, 0.5, tmp_path / "x.xyz", keep=0.6)
