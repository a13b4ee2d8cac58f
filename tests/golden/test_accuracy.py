"""Accuracy on PANNA's tutorial records: means of seeds 0 to 4, beside the constant predictor's."""

import json
import subprocess
import sys

import numpy as np
import pytest

SEEDS = range(5)
ENERGIES = "{H: -13.62, C: -1029.41, O: -2041.84, N: -1484.87}"


def train(shared, folder, name, *options):
    data = shared / "data" / "panna_tutorial"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "panna_exp", "train", "data=tfrecord", "tracking=none"),
            *(f"data.train={data / 'train'}", f"data.validation={data / 'validate'}"),
            *("data.species=[H,C,O,N]", f"data.reference_energies={ENERGIES}"),
            *("training.steps_per_epoch=100", f"io.train_dir={name}", *options),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / name / "result.json").read_text())


def report(title, results):
    errors = [result["mae_mev_per_atom"] for result in results]
    constant = results[0]["constant_a_species_mae_mev_per_atom"]
    print(
        f"{title}: {np.mean(errors):.2f} +- {np.std(errors):.2f} meV/atom "
        f"(seeds: {', '.join(f'{error:.2f}' for error in errors)}; constant a species: "
        f"{constant:.1f})"
    )
    return float(np.mean(errors))


@pytest.mark.slow
def test_tutorial_settings(shared, tmp_path):
    short = [
        train(shared, tmp_path, f"run{seed}", f"seed={seed}", "training.max_epochs=10")
        for seed in SEEDS
    ]
    assert report("10 epochs", short) <= 15
    long = [
        train(shared, tmp_path, f"run{seed}", f"seed={seed}", "training.max_epochs=40")
        for seed in SEEDS
    ]
    assert report("continued to 40 epochs", long) <= 11
    done = subprocess.run(
        [sys.executable, "-m", "panna_exp", "evaluate", "run_dir=run0"], cwd=tmp_path, check=False
    )
    assert done.returncode == 0
    assert (tmp_path / "run0/evaluate/epoch_40_step_4000.dat").exists()


@pytest.mark.slow
def test_annealed_recipe(shared, tmp_path):
    results = [
        train(shared, tmp_path, f"run{seed}", f"seed={seed}", "+experiment=tutorial_annealed")
        for seed in SEEDS
    ]
    assert results[0]["step"] == 4000
    assert report("tutorial_annealed", results) <= 2.5
