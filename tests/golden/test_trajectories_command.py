"""PANNA 1.x's deterministic trainings by its own inputs: ``import-ini`` and ``train``, and at once.

Steps one by one, losses and options: ``test_trajectories.py``.
"""

import json
import os

import numpy as np
import pytest

CASES = ("traj_energy_a", "traj_forces_a", "traj_reg_a")
# One epoch per step, so that metrics.dat has the loss before each update.
STEP_BY_STEP = ("training.steps_per_epoch=1", "training.shuffle=false", "io.metrics=[loss]")


def losses(run):
    header, *lines = (run / "metrics.dat").read_text().splitlines()
    column = header.split().index("loss")
    return np.array([float(line.split()[column]) for line in lines])


def final_weights(folder, network):
    for number, layer in enumerate(network.layers):
        n_in, n_out = layer.weights.shape
        stem = folder / "final_tf32" / f"species_{network.symbol}_layer_{number}"
        yield layer.weights, np.load(f"{stem}_weights_{n_in}x{n_out}.npy")
        yield layer.biases, np.load(f"{stem}_biases_{n_out}.npy")


@pytest.mark.parametrize("name", CASES)
def test_imported(shared, program, name):
    folder = shared / "reference" / name
    case = json.loads((folder / "case.json").read_text())
    config, tolerance = case["config"], case["tolerance"]
    program.run("import-ini", str(folder / "train.ini"), "--base", str(folder))
    program.run(
        *("train", "experiment=train", "precision=float64", "tracking=none", "io.train_dir=run"),
        *(*STEP_BY_STEP, f"training.max_epochs={config['steps']}"),
    )
    found, expected = losses(program.folder / "run"), np.load(folder / "loss_ref64.npy")
    np.testing.assert_allclose(found, expected, rtol=tolerance["loss_rtol_float64_vs_ref64"])
    expected = np.load(folder / "loss_tf32.npy")
    np.testing.assert_allclose(found, expected, rtol=tolerance["loss_rtol_vs_tf32"])
    for network in program.last_networks(program.folder / "run"):
        for weights, final in final_weights(folder, network):
            atol = tolerance["final_weights_atol_vs_tf32"]
            np.testing.assert_allclose(weights, final, rtol=0, atol=atol)


@pytest.mark.parametrize("name", CASES)
def test_at_once(shared, program, name):
    """``panna-train`` computes in single precision, as PANNA does."""
    folder = shared / "reference" / name
    for link in ("data", "init_networks"):
        os.symlink(folder / link, program.folder / link)
    program.run("panna-train", "-c", str(folder / "train.ini"))
    for network in program.last_networks(program.folder / "train"):
        for weights, final in final_weights(folder, network):
            np.testing.assert_allclose(weights, final, rtol=0, atol=2e-5)
