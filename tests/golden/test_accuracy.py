"""Accuracy on PANNA's tutorial records: means of seeds 0 to 4, beside the constant predictor's."""

import json

import numpy as np
import pytest

SEEDS = range(5)
ENERGIES = "{H: -13.62, C: -1029.41, O: -2041.84, N: -1484.87}"


def train(shared, program, name, *options):
    data = shared / "data" / "panna_tutorial"
    program.run(
        *("train", "data=tfrecord", "tracking=none"),
        *(f"data.train={data / 'train'}", f"data.validation={data / 'validate'}"),
        *("data.species=[H,C,O,N]", f"data.reference_energies={ENERGIES}"),
        *("training.steps_per_epoch=100", f"io.train_dir={name}", *options),
    )
    return json.loads((program.folder / name / "result.json").read_text())


def report(title, results):
    errors = [result["energy_mae_mev_per_atom"] for result in results]
    constant = results[0]["constant_per_species_energy_mae_mev_per_atom"]
    print(
        f"{title}: {np.mean(errors):.2f} +- {np.std(errors):.2f} meV/atom "
        f"(seeds: {', '.join(f'{error:.2f}' for error in errors)}; constant per species: "
        f"{constant:.1f})"
    )
    return float(np.mean(errors))


@pytest.mark.slow
def test_tutorial_settings(shared, program):
    short = [
        train(shared, program, f"run{seed}", f"seed={seed}", "training.max_epochs=10")
        for seed in SEEDS
    ]
    assert report("10 epochs", short) <= 15
    long = [
        train(shared, program, f"run{seed}", f"seed={seed}", "training.max_epochs=40")
        for seed in SEEDS
    ]
    assert report("continued to 40 epochs", long) <= 11
    program.run("evaluate", "run_dir=run0")
    assert (program.folder / "run0/evaluate/epoch_40_step_4000.dat").exists()


@pytest.mark.slow
def test_annealed_recipe(shared, program):
    results = [
        train(shared, program, f"run{seed}", f"seed={seed}", "+experiment=tutorial_annealed")
        for seed in SEEDS
    ]
    assert results[0]["step"] == 4000
    assert report("tutorial_annealed", results) <= 2.5


def train_carbon(shared, program, name, *options):
    data = shared / "data" / "panna_carbon"
    program.run(
        *("train", "data=tfrecord", "tracking=none"),
        *(f"data.train={data / 'training_set'}", f"data.validation={data / 'validation_set'}"),
        *("data.species=[C]", "network.architecture=[32,32,1]", "training.batch_size=20"),
        *("training.max_epochs=1000", f"io.train_dir={name}", *options),
    )
    run_dir = program.folder / name
    (evaluation,) = (run_dir / "evaluate").glob("epoch_*.json")
    zero = json.loads(evaluation.read_text())["zero_forces"]["mae_ev_per_angstrom"]
    return json.loads((run_dir / "result.json").read_text()) | {"zero_forces": zero}


def report_forces(title, results):
    energies = [result["energy_mae_mev_per_atom"] for result in results]
    forces = [result["force_mae_ev_per_angstrom"] for result in results]
    print(
        f"{title}: {np.mean(energies):.2f} +- {np.std(energies):.2f} meV/atom (constant: "
        f"{results[0]['constant_energy_mae_mev_per_atom']:.2f}), {np.mean(forces):.4f} +- "
        f"{np.std(forces):.4f} eV/A (zero forces: {results[0]['zero_forces']:.2f})"
    )
    return float(np.mean(energies)), float(np.mean(forces))


EXAMPLE = ("training.learning_rate=0.01", "training.forces_cost=0.02", "training.beta2=0.999")


@pytest.mark.slow
def test_carbon_with_the_settings_of_pannas_example(shared, program):
    """At the example's own reference energy, and at one that is fitted."""
    own = "data.reference_energies={C: -245.667607369859}"
    results = [
        train_carbon(shared, program, f"own{seed}", f"seed={seed}", own, *EXAMPLE) for seed in SEEDS
    ]
    energies, forces = report_forces("carbon, PANNA's example", results)
    assert energies <= 5.5  # the scatter of seeds is 1.6: 4.8 would be a matter of luck
    assert forces <= 0.06
    fitted = "data.reference_energies=fit"
    results = [
        train_carbon(shared, program, f"fit{seed}", f"seed={seed}", fitted, *EXAMPLE)
        for seed in SEEDS
    ]
    energies, forces = report_forces("carbon, reference energy fitted", results)
    assert energies <= 4.8
    assert forces <= 0.06


@pytest.mark.slow
def test_carbon_with_training_forces(shared, program):
    options = ("training=forces", "data.reference_energies=fit")
    results = [
        train_carbon(shared, program, f"run{seed}", f"seed={seed}", *options) for seed in SEEDS
    ]
    energies, forces = report_forces("carbon, training=forces", results)
    assert energies <= 2.5
    assert forces <= 0.03
