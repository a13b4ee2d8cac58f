"""``panna-exp train data.train=FILE`` and nothing else."""

import shlex

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

import panna_exp as pe
from panna_exp.assembly import optimisation
from panna_exp.errors import TrainingError

QUICK = ("training.max_epochs=2", "tracking=none")


def copper_frames(count):
    frames = []
    for seed in range(count):
        atoms = bulk("Cu", cubic=True) * (1, 1, 2)
        atoms.rattle(0.02 + 0.01 * (seed % 8), seed=seed)
        atoms.calc = EMT()
        atoms.get_forces()
        frames.append(atoms)
    return frames


def molecule_frames(count):
    """Without forces; of H, C and O, and isolated atoms of two of them."""
    random = np.random.default_rng(1)
    frames = []
    for index in range(count):
        atoms = molecule(("H2O", "CH3OH", "CH4")[index % 3])
        atoms.rattle(0.03, seed=index)
        atoms.info["dft_energy"] = -10.0 * len(atoms) + random.normal(scale=0.1)
        frames.append(atoms)
    for symbol, energy in (("H", -5.0), ("O", -40.0)):
        atoms = Atoms(symbol)
        atoms.info |= {"dft_energy": energy, "config_type": "IsolatedAtom"}
        frames.append(atoms)
    return frames


@pytest.fixture
def copper(program):
    write(program.folder / "cu.xyz", copper_frames(30), format="extxyz")
    return program


def config_of(folder):
    return yaml.safe_load((folder / "config.yaml").read_text())


def test_species_descriptor_network_and_recipe_come_from_the_data(copper):
    frames = copper_frames(30)
    calculator = SinglePointCalculator(frames[3], energy=0.01, forces=np.zeros((8, 3)))
    frames[3].calc = calculator
    write(copper.folder / "cu.xyz", frames, format="extxyz")
    done = copper.run("train", "data.train=cu.xyz", *QUICK, "io.train_dir=run")
    assert "own data, 30 structures, taken as:" in done.stdout
    assert (done.stderr + done.stdout).count("are all exactly zero") == 1  # read once
    config = config_of(copper.folder / "run")
    assert config["data"]["species"] == ["Cu"]
    assert config["data"]["reference_energies"] == "fit"
    assert config["training"]["forces_cost"] == 1.0
    assert config["training"]["monitor"] == "force_mae"
    assert config["network"]["standardize"] is True
    # Nearest neighbours of fcc copper are 2.55 angstrom apart.
    assert 6.1 < config["descriptor"]["Rc_rad"] < 6.7
    assert 4.4 < config["descriptor"]["Rc_ang"] < 4.9
    assert "(3 records in 1 file)" not in done.stdout
    assert "validation data: 3 structures" in done.stderr + done.stdout


def test_what_was_printed_is_the_same_training(copper):
    """The overrides, pasted, and Python give the same weights."""
    done = copper.run("train", "data.train=cu.xyz", *QUICK, "io.train_dir=first")
    line = done.stdout.partition("taken as:\n")[2].partition("\n")[0]
    words = [*shlex.split(line), "data.train=cu.xyz", *QUICK]
    copper.run("train", *words, "io.train_dir=second")
    copper.assert_identical(copper.folder / "first", copper.folder / "second")


def test_python_does_the_same(copper, monkeypatch):
    copper.run("train", "data.train=cu.xyz", *QUICK, "io.train_dir=first")
    monkeypatch.chdir(copper.folder)
    run = pe.train(["data.train=cu.xyz", *QUICK, "io.train_dir=second"])
    assert run.config.data.species == ["Cu"]
    copper.assert_identical(copper.folder / "first", copper.folder / "second")


DEAD = ("network=default", "network.architecture=[4,1]", "training.learning_rate=3")


def test_a_training_that_became_a_constant_starts_again(copper, monkeypatch, capfd):
    """Saturated units: no gradients, no forces. Stopped between two restarts it goes on exactly,
    with what the data said the first time."""
    monkeypatch.chdir(copper.folder)
    monkeypatch.setattr(optimisation, "_LOOKED_FROM", 30)
    monkeypatch.setattr(optimisation, "_LOOKED_PART", 1.0)
    words = ["data.train=cu.xyz", "tracking=none", *DEAD, "training.warmup_steps=0"]
    words += ["training.batch_size=9", "training.learning_rate_schedule=constant"]
    pe.train([*words, "training.max_epochs=15", "io.train_dir=parts"])
    pe.train([*words, "training.max_epochs=25", "io.train_dir=parts"])
    parts = capfd.readouterr()
    pe.train([*words, "training.max_epochs=25", "io.train_dir=whole"])
    copper.assert_identical(copper.folder / "parts", copper.folder / "whole")
    whole = capfd.readouterr()
    for text in ("after 30 steps the errors are those of a constant", "restart 2: other weights"):
        assert (parts.out + parts.err).count(text) == (whole.out + whole.err).count(text) == 1
    with pytest.raises(TrainingError, match=r"as after 2 restarts: choose a smaller"):
        pe.train([*words, "training.max_epochs=40", "io.train_dir=in_vain"])


def test_molecules_without_forces_of_another_programs_names(program):
    write(program.folder / "m.xyz", molecule_frames(30), format="extxyz")
    done = program.run("train", "data.train=m.xyz", *QUICK, "io.train_dir=run")
    config = config_of(program.folder / "run")
    assert config["data"]["species"] == ["H", "C", "O"]
    assert config["training"]["forces_cost"] == 0.0
    assert config["training"]["monitor"] == "loss"
    assert (config["descriptor"]["Rc_rad"], config["descriptor"]["Rc_ang"]) == (4.6, 3.1)
    assert "isolated atoms in the data (H, O)" in done.stdout + done.stderr


def test_what_the_user_gives_is_kept(copper):
    copper.run(
        "train", "data.train=cu.xyz", "tracking=none", "network=default", "descriptor.Rc_rad=4",
        "training.batch_size=7", "training.budget=short", "training.max_epochs=1", "io.train_dir=r",
    )  # fmt: skip
    config = config_of(copper.folder / "r")
    assert config["network"]["standardize"] is False
    assert config["network"]["architecture"] == [128, 32, 1]
    assert (config["descriptor"]["Rc_rad"], config["descriptor"]["Rc_ang"]) == (4.0, 3.1)
    assert config["training"]["batch_size"] == 7


def test_a_budget_is_a_number_of_epochs(program, monkeypatch):
    write(program.folder / "m.xyz", molecule_frames(600), format="extxyz")
    monkeypatch.chdir(program.folder)
    options = ["data.train=m.xyz"]
    short, normal, long = (
        pe.compose([*options, f"training.budget={budget}"]).training.max_epochs
        for budget in ("short", "normal", "long")
    )
    assert (short, normal, long) == (250, 500, 1000)  # of a small file


def test_an_automatic_descriptor_keeps_given_numbers_and_has_a_budget(copper):
    """Also for data whose format, species and energies the user says."""
    words = ("data=ase", "data.train=cu.xyz", "data.species=[Cu]", "data.validation_fraction=0.1")
    words += ("descriptor=auto", "descriptor.budget=small", "descriptor.RsN_ang=2", *QUICK)
    done = copper.run("train", *words, "data.reference_energies=fit", "io.train_dir=said")
    assert "descriptor, 30 structures, taken as:" in done.stdout
    said = config_of(copper.folder / "said")["descriptor"]
    assert (said["type"], said["RsN_rad"], said["RsN_ang"]) == ("mBP", 10, 2)
    assert 6.1 < said["Rc_rad"] < 6.7
    copper.run("train", "data.train=cu.xyz", "descriptor.budget=large", *QUICK, "io.train_dir=own")
    assert config_of(copper.folder / "own")["descriptor"]["RsN_rad"] == 20


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("-m", "training.budget=short,long"), "budget=short,long: is taken once"),
        (("-m", "descriptor.budget=small,large"), "sweep descriptor.RsN_rad, ... instead"),
        (("-m", "descriptor=auto,bp"), "auto chooses numbers once, before there are jobs"),
        (("descriptor.Rc_rad=7", "descriptor.budget=small"), "goes with descriptor=auto"),
    ],
)
def test_what_is_chosen_once_is_not_swept(copper, words, text):
    done = copper.run("train", "data.train=cu.xyz", *words, "tracking=none", code=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert text in line


def test_an_automatic_descriptor_needs_structures(program):
    done = program.run("train", "descriptor=auto", "tracking=none", code=2)
    assert "descriptor=auto: takes its numbers from structures with positions" in done.stderr
    assert "here give them, descriptor=mbp" in done.stderr


def test_a_damaged_file_and_one_without_positions_are_one_line(program):
    (program.folder / "bad.xyz").write_text("3\nnonsense\nH 0 0\n")
    done = program.run("train", "data.train=bad.xyz", "tracking=none", code=2)
    assert done.stderr.startswith("error: ")
    assert "bad.xyz" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    done = program.run("train", "data.train=none.xyz", "tracking=none", code=2)
    assert "none.xyz" in done.stderr


def test_mistakes_are_those_of_own_data(copper):
    done = copper.run("train", "data.train=cu.xyz", "network.activations=[silu]", code=2)
    (line,) = done.stderr.splitlines()
    assert "activations has 1 values, but architecture [64, 64, 1] has 3 layers" in line


def test_stresses_need_no_word_on_forces(copper):
    options = ("training.virial_cost=0.1", "io.train_dir=virials")
    copper.run("train", "data.train=cu.xyz", *QUICK, *options)
    energies = ("training.forces_cost=0", "io.train_dir=energies")
    copper.run("train", "data.train=cu.xyz", *QUICK, *energies)
    assert config_of(copper.folder / "energies")["training"]["monitor"] == "loss"
    training = config_of(copper.folder / "virials")["training"]
    assert (training["forces_cost"], training["virial_cost"]) == (1.0, 0.1)
