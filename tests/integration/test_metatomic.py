"""Exported models of metatomic in the engines of PyPI: ASE's calculator and i-PI's driver."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("metatomic.torch", reason="needs pip install 'panna-exp[metatomic]'")

import torch
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.io import read, write
from ase.md.verlet import VelocityVerlet
from metatensor.torch import Labels
from metatomic.torch import ModelEvaluationOptions, ModelOutput, load_atomistic_model
from metatomic.torch import systems_to_torch as to_systems
from metatomic_ase import MetatomicCalculator

from panna_exp.ase import PannaCalculator
from panna_exp.networks.layers import Activation
from tests.potentials import bp, mbp, repel, triclinic, write_networks

pytestmark = pytest.mark.filterwarnings("ignore")  # of the engines


@pytest.fixture
def exported(program):
    def export(networks, *options):
        program.run("export", f"run_dir={networks}", "output=model.pt", *options)
        return program.folder / "model.pt"

    return export


def assert_equal(model, networks, atoms, stress=True):
    """The exported model gives what the calculator gives."""
    expected = atoms.copy()
    expected.calc = PannaCalculator(networks)
    atoms.calc = MetatomicCalculator(model)
    difference = atoms.get_potential_energy() - expected.get_potential_energy()
    assert abs(difference) < 1e-9 * len(atoms)
    np.testing.assert_allclose(atoms.get_forces(), expected.get_forces(), atol=1e-9)
    if stress:
        np.testing.assert_allclose(atoms.get_stress(), expected.get_stress(), atol=1e-9)


@pytest.mark.parametrize("generation", ["A", "B", "C"])
def test_each_variant_of_mbp(program, exported, generation):
    networks = write_networks(
        program.folder / "n", mbp(("O", "Si"), generation), [Activation.gaussian, Activation.tanh]
    )
    assert_equal(exported(networks), networks, triclinic())


def test_short_range_repulsion_of_one_member(program, exported):
    species = ("O", "Si")
    folders = [
        write_networks(program.folder / f"seed_{k}", mbp(species), [Activation.relu], seed=k)
        for k in range(2)
    ]
    plain = PannaCalculator(folders).get_potential_energy(triclinic())
    repel(folders[1], species, 2.4)
    (program.folder / "committee.json").write_text('{"format": 1, "members": ["seed_0", "seed_1"]}')
    atoms = triclinic()
    assert_equal(exported("."), folders, atoms)
    assert atoms.get_potential_energy() > plain + 1


def test_behler_parrinello_with_every_activation(program, exported):
    kinds = [Activation.gaussian, Activation.rbf, Activation.relu, Activation.tanh]
    networks = write_networks(program.folder / "n", bp(("Si", "O")), kinds)
    assert_equal(exported(networks), networks, triclinic())


def test_molecules_and_small_neighbourhoods(program, exported):
    networks = write_networks(program.folder / "n", mbp(("C", "H", "N", "O")), [Activation.relu])
    model = exported(networks)
    for atoms in (molecule("CH3CONH2"), molecule("H2O"), molecule("O2"), Atoms("C")):
        assert_equal(model, networks, atoms, stress=False)


def systems_with_lists(model, structures):
    import vesin.metatomic

    systems = to_systems(structures, dtype=torch.float64)
    vesin.metatomic.compute_requested_neighbors(systems, "angstrom", model)
    return systems


def evaluate(model, systems, names, kind, selected=None):
    options = ModelEvaluationOptions(
        length_unit="angstrom",
        outputs={name: ModelOutput(unit="eV", sample_kind=kind) for name in names},
        selected_atoms=selected,
    )
    return model(systems, options, check_consistency=True)


def test_a_batch_a_committee_and_selected_atoms(program, exported):
    folders = [
        write_networks(program.folder / f"n{k}", mbp(("O", "H")), [Activation.gaussian], seed=k)
        for k in range(3)
    ]
    for k, folder in enumerate(folders):
        folder.rename(program.folder / f"seed_{k}")
    folders = [program.folder / f"seed_{k}" for k in range(3)]
    (program.folder / "committee.json").write_text(
        '{"format": 1, "members": ["seed_0", "seed_1", "seed_2"]}'
    )
    model = load_atomistic_model(exported("."))
    structures = [molecule("H2O"), molecule("H2O2"), Atoms("H")]
    systems = systems_with_lists(model, structures)
    names = ["energy", "energy_ensemble", "energy_uncertainty"]
    found = {
        n: m.block().values.detach().numpy()
        for n, m in evaluate(model, systems, names, "system").items()
    }
    by_atom = evaluate(model, systems, ["energy"], "atom")["energy"].block()
    assert by_atom.samples.names == ["system", "atom"]
    at = 0
    for index, atoms in enumerate(structures):
        atoms.calc = PannaCalculator(folders)
        energy = atoms.get_potential_energy()
        results = atoms.calc.results
        assert found["energy"][index, 0] == pytest.approx(energy, abs=1e-9)
        assert found["energy_ensemble"][index].mean() == pytest.approx(energy, abs=1e-9)
        assert found["energy_uncertainty"][index, 0] == pytest.approx(
            results["energy_std"], abs=1e-9
        )
        own = by_atom.values[at : at + len(atoms), 0].detach().numpy()
        np.testing.assert_allclose(own, results["energies"], atol=1e-9)
        at += len(atoms)
    selected = Labels(["system", "atom"], torch.tensor([[0, 1], [1, 0], [1, 3]]))
    part = evaluate(model, systems, ["energy"], "atom", selected)["energy"].block()
    assert part.samples.values.tolist() == [[0, 1], [1, 0], [1, 3]]
    every = {
        tuple(s): v
        for s, v in zip(by_atom.samples.values.tolist(), by_atom.values[:, 0].tolist(), strict=True)
    }
    for sample, value in zip(part.samples.values.tolist(), part.values[:, 0].tolist(), strict=True):
        assert value == pytest.approx(every[tuple(sample)], abs=1e-12)
    nothing = Labels(["system", "atom"], torch.zeros(0, 2, dtype=torch.int32))
    assert (
        evaluate(model, systems, ["energy"], "system", nothing)["energy"].block().values.abs().max()
        == 0
    )


def test_the_file_needs_nothing_of_this_program(program, exported):
    networks = write_networks(program.folder / "n", mbp(("Si",)), [Activation.gaussian])
    model = exported(networks, "precision=float32")
    script = (
        "import sys; sys.modules['panna_exp'] = None\n"
        "import warnings; warnings.simplefilter('ignore')\n"
        "from metatomic_ase import MetatomicCalculator\nfrom ase.build import bulk\n"
        "a = bulk('Si', cubic=True); a.rattle(0.1, seed=1)\n"
        f"a.calc = MetatomicCalculator({str(model)!r}); print(a.get_potential_energy())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=1)
    atoms.calc = PannaCalculator(networks)
    assert float(done.stdout) == pytest.approx(atoms.get_potential_energy(), abs=1e-2)


def test_dynamics_in_ase_keep_the_energy(program, exported):
    networks = write_networks(program.folder / "n", mbp(("Si",)), [Activation.gaussian])
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.2, seed=1)
    atoms.calc = MetatomicCalculator(exported(networks))
    before = atoms.get_total_energy()
    VelocityVerlet(atoms, units.fs).run(30)
    assert atoms.get_kinetic_energy() > 1e-3
    assert abs(atoms.get_total_energy() - before) < 0.02 * atoms.get_kinetic_energy()


IPI = """<simulation>
<ffdirect name='f'><pes>metatomic</pes>
<parameters>{template: start.xyz, model: model.pt}</parameters></ffdirect>
<output prefix='out'><properties stride='1'>[step, potential{electronvolt}]</properties>
<trajectory stride='20' filename='pos'>positions{angstrom}</trajectory></output>
<total_steps>20</total_steps>
<system><initialize nbeads='1'><file mode='ase' units='angstrom'>start.xyz</file>
<velocities mode='thermal' units='kelvin'>300</velocities></initialize>
<forces><force forcefield='f'/></forces>
<motion mode='dynamics'><dynamics mode='nvt'><thermostat mode='langevin'>
<tau units='femtosecond'>100</tau></thermostat><timestep units='femtosecond'>0.5</timestep>
</dynamics></motion><ensemble><temperature units='kelvin'>300</temperature></ensemble></system>
</simulation>
"""


def test_twenty_steps_of_i_pi(program, exported):
    pytest.importorskip("ipi")
    networks = write_networks(program.folder / "n", mbp(("Si",)), [Activation.gaussian])
    exported(networks)
    atoms = bulk("Si", cubic=True)
    write(program.folder / "start.xyz", atoms)
    (program.folder / "input.xml").write_text(IPI)
    done = subprocess.run(
        [str(Path(sys.executable).parent / "i-pi"), "input.xml"],
        cwd=program.folder, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-1000:]
    energies = np.loadtxt(program.folder / "out.out")
    assert len(energies) == 21
    atoms.calc = PannaCalculator(networks)
    assert energies[0, 1] == pytest.approx(atoms.get_potential_energy(), abs=1e-4)


def test_a_hundred_molecules_of_ethanol(program, exported, shared):
    networks = write_networks(program.folder / "n", mbp(("H", "C", "O")), [Activation.gaussian])
    structures = read(shared / "data" / "ethanol" / "test_MD.xyz", ":100")
    model = load_atomistic_model(exported(networks))
    found = evaluate(model, systems_with_lists(model, structures), ["energy"], "system")
    calculator = PannaCalculator(networks)
    for atoms, value in zip(structures, found["energy"].block().values[:, 0].tolist(), strict=True):
        atoms.calc = calculator
        assert abs(atoms.get_potential_energy() - value) < 1e-9 * len(atoms)


def torch_sim_model(path):
    """Its model of an exported file: of metatomic's own package, or of earlier releases."""
    simulation = pytest.importorskip("torch_sim", reason="needs pip install 'panna-exp[torch-sim]'")
    try:
        from metatomic_torchsim import MetatomicModel
    except ModuleNotFoundError:
        from torch_sim.models.metatomic import MetatomicModel
    return simulation, MetatomicModel(str(path), device="cpu")


def test_torch_sim_relaxes_eight_crystals_at_once(program, exported):
    networks = write_networks(program.folder / "n", mbp(("Si",)), [Activation.gaussian])
    repel(networks, ("Si",), 2.0)
    simulation, model = torch_sim_model(exported(networks))
    crystals = []
    for seed in range(8):
        atoms = bulk("Si", cubic=True) * (1, 1, 1 + seed % 2)
        atoms.rattle(0.1, seed=seed)
        crystals.append(atoms)
    before = model(simulation.io.atoms_to_state(crystals, model.device, model.dtype))
    for index, atoms in enumerate(crystals):
        atoms.calc = PannaCalculator(networks)
        energy = float(before["energy"][index])
        assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-9 * len(atoms))
        stress = before["stress"][index].detach().numpy()
        np.testing.assert_allclose(stress, atoms.get_stress(voigt=False), atol=1e-9)
    forces = np.concatenate([atoms.get_forces() for atoms in crystals])
    np.testing.assert_allclose(before["forces"].detach().numpy(), forces, atol=1e-9)
    fire = getattr(simulation, "Optimizer", simulation.optimizers).fire
    state = simulation.optimize(system=crystals, model=model, optimizer=fire, max_steps=15)
    for atoms, old in zip(simulation.io.state_to_atoms(state), before["energy"], strict=True):
        atoms.calc = PannaCalculator(networks)
        assert atoms.get_potential_energy() < float(old)
