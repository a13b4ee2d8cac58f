"""Deterministic trainings of PANNA 1.x, step by step: losses, energy errors and final weights."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from panna_exp.assembly.optimisation import make_train_step
from panna_exp.config.schema import EpsilonPlacement, TrainingConfig
from panna_exp.data.batch import PackedData
from panna_exp.data.jacobians import StoredJacobians
from panna_exp.data.reference import network_targets
from panna_exp.elements import Species
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.panna import read_panna
from panna_exp.readers import ReadOptions, open_structures
from panna_exp.training.metrics import Totals

CPU = torch.device("cpu")


def load_case(shared, name):
    folder = shared / "reference" / name
    return folder, json.loads((folder / "case.json").read_text())


def setup_case(folder, config, training, networks=None, targets=None, version=1):
    """Packed data with PANNA 1.x's float32 targets, and the step on the case's first networks.

    With ``version=2`` these are targets in float64.
    """
    species = Species(tuple(config["species"]))
    with_forces = training.forces_cost > 0
    options = ReadOptions(derivatives=with_forces)
    structures = open_structures([str(folder / "data")], species, options=options).structures
    expected = np.load(targets or folder / f"targets_f{32 if version == 1 else 64}.npy")
    targets = network_targets(structures, config["offsets"], panna_version=version)
    np.testing.assert_allclose(targets, expected, rtol=0, atol=0 if version == 1 else 1e-12)
    saved = read_panna(networks or folder / "init_networks")
    networks = SpeciesNetworks([saved.networks[s] for s in species], torch.float64)
    jacobians = None
    if with_forces:
        sizes, width = structures.num_atoms, structures.descriptors.shape[1]
        jacobians = StoredJacobians(structures.derivatives, sizes, width, torch.float64, CPU)
    packed = PackedData(structures, targets, len(species), torch.float64, CPU, jacobians)
    return SimpleNamespace(data=packed, step=make_train_step(training, networks), networks=networks)


def run_with_errors(case, steps, rate, size):
    """Losses and energy errors [steps, size] of each step (taken before its update)."""
    batches = list(case.data.batches(size))
    losses, errors = [], []
    for number in range(steps):
        totals = Totals(CPU)
        delta = case.step(batches[number % len(batches)], rate, totals)
        errors.append(delta.numpy().copy())
        losses.append(totals.read()["loss"])
    return np.array(losses), np.array(errors)


def run(case, steps, rate, size):
    """Losses of each step (taken before its update)."""
    return run_with_errors(case, steps, rate, size)[0]


def assert_final_weights(case, folder, atol):
    for network in case.networks.to_data():
        expected = read_final(folder, network)
        for layer, (weights, biases) in zip(network.layers, expected, strict=True):
            np.testing.assert_allclose(layer.weights, weights, atol=atol, rtol=0)
            np.testing.assert_allclose(layer.biases, biases, atol=atol, rtol=0)


def read_final(folder, network):
    for number, layer in enumerate(network.layers):
        stem = f"species_{network.symbol}_layer_{number}"
        n_in, n_out = layer.weights.shape
        yield (
            np.load(folder / "final_tf32" / f"{stem}_weights_{n_in}x{n_out}.npy"),
            np.load(folder / "final_tf32" / f"{stem}_biases_{n_out}.npy"),
        )


@pytest.mark.parametrize(
    ("eps", "suffix"), [(1e-7, ""), (1e-8, "_eps1e-08")], ids=["eps1e-7", "eps1e-8"]
)
def test_energy_training(shared, eps, suffix):
    folder, info = load_case(shared, "traj_energy_a")
    config, tolerance = info["config"], info["tolerance"]
    case = setup_case(folder, config, TrainingConfig(panna_version=1, adam_eps=eps))
    losses = run(case, config["steps"], config["lr"], config["batch"])
    expected = np.load(folder / f"loss_ref64{suffix}.npy")
    np.testing.assert_allclose(losses, expected, rtol=tolerance["loss_rtol_float64_vs_ref64"])
    np.testing.assert_allclose(
        losses, np.load(folder / f"loss_tf32{suffix}.npy"), rtol=tolerance["loss_rtol_vs_tf32"]
    )
    if not suffix:
        assert_final_weights(case, folder, tolerance["final_weights_atol_vs_tf32"])


def training_of(config, **options):
    """PANNA 1.x's options of any of the three trajectories."""
    given = {"adam_eps": config["eps"], "forces_cost": config.get("forces_cost", 0.0)}
    return TrainingConfig(panna_version=1, **config.get("reg", {}), **given | options)


TRAJECTORIES = ("traj_energy_a", "traj_forces_a", "traj_reg_a")


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_energy_errors_step_by_step(shared, name):
    folder, info = load_case(shared, name)
    config, tolerance = info["config"], info["tolerance"]
    case = setup_case(folder, config, training_of(config))
    arguments = (config["steps"], config["lr"], config["batch"])
    losses, errors = run_with_errors(case, *arguments)
    expected = np.load(folder / "delta_e_ref64.npy")
    np.testing.assert_allclose(errors, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        losses, np.load(folder / "loss_tf32.npy"), rtol=tolerance["loss_rtol_vs_tf32"]
    )
    # Of single precision: some 25 units in the last place of the largest error.
    largest = np.abs(expected).max()
    np.testing.assert_allclose(
        errors, np.load(folder / "delta_e_tf32.npy"), rtol=0, atol=3e-6 * largest
    )


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_training_on_targets_in_double_precision(shared, name):
    folder, info = load_case(shared, name)
    config, rtol = info["config"], info["tolerance"]["loss_rtol_float64_vs_ref64"]
    case = setup_case(folder, config, training_of(config), version=2)
    losses = run(case, config["steps"], config["lr"], config["batch"])
    expected = np.load(folder / "loss_ref64_f64targets.npy")
    np.testing.assert_allclose(losses, expected, rtol=rtol)
    # They tell the two kinds of targets apart.
    assert not np.allclose(losses, np.load(folder / "loss_ref64.npy"), rtol=rtol, atol=0)


def test_training_of_pannas_unit_test(shared):
    """Starts converged: 200 steps that depend on the rounding of targets, with frozen layers."""
    folder, info = load_case(shared, "train_unittest1_a")
    data = shared / "reference/eval_unittest1_a"
    species = Species(("H", "C", "N", "O"))
    structures = open_structures([str(data / "data")], species).structures
    offsets = (-13.62, -1029.41, -1484.87, -2041.84)  # of train.ini
    targets = network_targets(structures, offsets, panna_version=1)
    np.testing.assert_array_equal(targets, np.load(folder / "targets_f32.npy"))
    saved = read_panna(data / "saved_networks").networks
    frozen = {"H": replace(saved["H"], trainable=(True, True, False, False))}
    networks = SpeciesNetworks([(saved | frozen)[s] for s in species], torch.float64)
    step = make_train_step(TrainingConfig(panna_version=1, adam_eps=1e-8), networks)
    packed = PackedData(structures, targets, len(species), torch.float64, CPU)
    case = SimpleNamespace(data=packed, step=step)
    losses, errors = run_with_errors(case, 200, 1e-3, 2)
    np.testing.assert_allclose(errors, np.load(folder / "delta_e_ref64.npy"), rtol=0, atol=1e-9)
    np.testing.assert_allclose(losses, np.load(folder / "loss_ref64.npy"), rtol=1e-7, atol=1e-12)
    # The original's energies are in single precision: only its first errors mean something.
    tolerance = info["tolerance"]["first_delta_e_atol"]
    first = np.load(folder / "delta_e_tf32.npy")[0]
    np.testing.assert_allclose(errors[0], first, rtol=0, atol=tolerance)
    assert losses[-1] < 1e-6
    assert np.load(folder / "loss_tf32.npy")[-1] < 1e-6


@pytest.mark.parametrize(
    ("name", "eps", "suffix"),
    [
        ("traj_energy_a", 1e-7, ""),
        ("traj_energy_a", 1e-8, "_eps1e-08"),
        ("traj_forces_a", 1e-7, ""),
        ("traj_forces_a", 1e-8, "_eps1e-08"),
        ("traj_reg_a", 1e-8, ""),
    ],
)
def test_training_with_torchs_epsilon(shared, name, eps, suffix):
    folder, info = load_case(shared, name)
    config, rtol = info["config"], info["tolerance"]["loss_rtol_float64_vs_ref64"]
    training = training_of(config, adam_eps=eps, adam_eps_placement=EpsilonPlacement.torch)
    case = setup_case(folder, config, training)
    losses = run(case, config["steps"], config["lr"], config["batch"])
    expected = np.load(folder / f"loss_ref64_torch_adam{suffix}.npy")
    # The two placements of epsilon differ by little, so the tolerance is that of rounding.
    np.testing.assert_allclose(losses, expected, rtol=min(rtol, 1e-12))


def test_training_with_penalties(shared):
    folder, info = load_case(shared, "traj_reg_a")
    config, tolerance = info["config"], info["tolerance"]
    training = TrainingConfig(panna_version=1, adam_eps=config["eps"], **config["reg"])
    case = setup_case(folder, config, training)
    losses = run(case, config["steps"], config["lr"], config["batch"])
    np.testing.assert_allclose(
        losses, np.load(folder / "loss_ref64.npy"), rtol=tolerance["loss_rtol_float64_vs_ref64"]
    )
    assert_final_weights(case, folder, tolerance["final_weights_atol_vs_tf32"])


@pytest.mark.parametrize(
    ("eps", "suffix"), [(1e-7, ""), (1e-8, "_eps1e-08")], ids=["eps1e-7", "eps1e-8"]
)
def test_force_training(shared, eps, suffix):
    folder, info = load_case(shared, "traj_forces_a")
    config, tolerance = info["config"], info["tolerance"]
    training = TrainingConfig(panna_version=1, adam_eps=eps, forces_cost=config["forces_cost"])
    case = setup_case(folder, config, training)
    losses = run(case, config["steps"], config["lr"], config["batch"])
    expected = np.load(folder / f"loss_ref64{suffix}.npy")
    np.testing.assert_allclose(losses, expected, rtol=tolerance["loss_rtol_float64_vs_ref64"])
    np.testing.assert_allclose(
        losses, np.load(folder / f"loss_tf32{suffix}.npy"), rtol=tolerance["loss_rtol_vs_tf32"]
    )
    if not suffix:
        assert_final_weights(case, folder, tolerance["final_weights_atol_vs_tf32"])


def test_force_losses_step_by_step(shared):
    folder, info = load_case(shared, "traj_forces_a")
    config = info["config"]
    training = TrainingConfig(panna_version=1, adam_eps=1e-7, forces_cost=config["forces_cost"])
    case = setup_case(folder, config, training)
    (batch,) = case.data.batches(config["batch"])
    found = []
    for _ in range(config["steps"]):
        totals = Totals(CPU)
        case.step(batch, config["lr"], totals)
        found.append(totals.read()["force_loss"] / config["forces_cost"])
    np.testing.assert_allclose(found, np.load(folder / "force_loss_ref64.npy"), rtol=1e-7)


def test_every_force_loss(shared):
    folder, info = load_case(shared, "losses_a")
    config = load_case(shared, "traj_forces_a")[1]["config"] | {"offsets": [info["offset"]]}
    checked = 0
    for result in info["results"]:
        if not result["forces_cost"]:
            continue
        training = TrainingConfig(
            panna_version=1,
            loss_function=result["loss_function"],
            floss_function=result["floss_function"],
            forces_cost=result["forces_cost"],
        )
        case = setup_case(
            shared / "reference" / "traj_forces_a",
            config,
            training,
            networks=shared / "reference" / "eval_carbon_forces_a" / "net_gauss",
            targets=folder / "targets_f32.npy",
        )
        totals = Totals(CPU)
        case.step(next(case.data.batches(4)), 1e-3, totals)
        found = totals.read()
        rtol = info["tolerance"]["rtol_ref64"]
        cost = result["forces_cost"]
        np.testing.assert_allclose(found["loss"], result["loss_ref64"], rtol=rtol)
        np.testing.assert_allclose(
            found["force_loss"] / cost, result["force_loss_ref64"], rtol=rtol
        )
        checked += 1
    assert checked == 4


def test_every_energy_loss(shared):
    folder, info = load_case(shared, "losses_a")
    delta = torch.from_numpy(np.load(folder / "delta_e_ref64.npy"))
    atoms = torch.full_like(delta, info["natoms"])
    networks = SpeciesNetworks(
        list(read_panna(shared / "reference/traj_forces_a/init_networks").networks.values()),
        torch.float64,
    )
    checked = 0
    for result in info["results"]:
        if result["forces_cost"]:
            continue
        training = TrainingConfig(panna_version=1, loss_function=result["loss_function"])
        loss = make_train_step(training, networks).loss(delta, atoms)
        rtol = info["tolerance"]["rtol_ref64"]
        np.testing.assert_allclose(float(loss), result["loss_ref64"], rtol=rtol)
        checked += 1
    assert checked == 9
