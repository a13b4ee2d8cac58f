"""Whole compiled steps: the torch step to round-off, and the same bits however calls share them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from panna_exp.assembly.execution import make_steps
from panna_exp.assembly.optimisation import make_train_step
from panna_exp.config.schema import EpsilonPlacement, Execution, TrainingConfig
from panna_exp.data.batch import PackedData
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.networks.standardization import Standardization
from panna_exp.training.metrics import Totals

CPU = torch.device("cpu")
SIZE, STEPS = 6, 9
LAYERS = {
    "H": ((12, Activation.gaussian), (1, Activation.linear)),
    "C": ((7, Activation.tanh), (5, Activation.silu), (1, Activation.linear)),
    "O": ((4, Activation.relu), (1, Activation.linear)),
}
ALL = {"wscale_l1": 1e-3, "bscale_l2": 1e-2, "clip_norm": 0.3, "ema_decay": 0.9}


def make_networks(standardized, dtype=torch.float64):
    random = np.random.default_rng(1)
    found = []
    for symbol, layers in LAYERS.items():
        before, arrays = SIZE, []
        for width, activation in layers:
            weights = random.normal(size=(before, width)) / np.sqrt(before)
            arrays.append(LayerData(weights, random.normal(size=width), activation))
            before = width
        trainable = (symbol != "C", *[True] * (len(layers) - 1))
        found.append(NetworkData(symbol, tuple(arrays), 0.0, trainable))
    standardization = None
    if standardized:
        mean, inverse = random.normal(size=(2, len(LAYERS), SIZE))
        standardization = Standardization(mean, inverse)
    return SpeciesNetworks(found, dtype, standardization)


def make_data(dtype=torch.float64):
    random = np.random.default_rng(0)
    sizes = random.integers(1, 12, 20)
    structures = StructureSet.from_structures(
        Structure(
            origin="made",
            name=f"s{number}",
            species=np.zeros(size, int) if number < 3 else random.integers(0, 3, size),
            energy=random.normal(),
            descriptors=random.normal(size=(size, SIZE)),
        )
        for number, size in enumerate(sizes)
    )
    weights = 1.0 + np.arange(60).reshape(20, 3) % 2
    structures = replace(structures, weights=weights)
    return PackedData(structures, 0.1 * structures.energy, 3, dtype, CPU)


def trained(execution, together, standardized=False, dtype=torch.float64, **options):
    """Returns parameters, moments, averages and sums after some steps, and the last errors."""
    networks = make_networks(standardized, dtype)
    kept = np.random.default_rng(2).random(networks.networks[0].layers[0].weights.shape) > 0.3
    config = TrainingConfig(**options)
    step = make_train_step(config, networks, {"H.0.weights": kept}, execution=execution)
    totals = Totals(CPU)
    steps = make_steps(execution, step, make_data(dtype), totals, 4)
    batches = [np.arange(3), *np.random.default_rng(3).integers(0, 20, (STEPS - 1, 4))]
    rates = [0.01 / (1 + number) for number in range(STEPS)]
    for start in range(0, STEPS, together):
        chosen = slice(start, start + together)
        delta = steps(batches[chosen], rates[chosen], start, 1.0)
    adam, average = step.optimizer, step.average
    averages = torch.zeros(0) if average is None else average.values
    assert adam.updates == STEPS
    moments = [adam.first_moment, adam.second_moment]
    return [step.parameters.buffer, *moments, averages, totals.sums, delta]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        ALL,
        ALL | {"clip_norm": 0.0},
        {"clip_value": 0.01, "adam_eps_placement": EpsilonPlacement.torch, "standardized": True},
        {"loss_function": "exp_quad_atom", "energy_weight": "n_atoms", "energy_prefactor": 0.5},
        {"loss_function": "quad_std_atom", "energy_reduction": "sum"},
        {"loss_function": "huber_std_atom", "huber_delta": 0.05},
        {"loss_function": "exp_quad_atom", "panna_version": 1},
        {"loss_function": "quad_exp_tanh", "panna_version": 1},
    ],
    ids=str,
)
def test_compiled_steps_are_those_of_torch(options):
    expected = trained(Execution.torch, 1, **options)
    for one, other in zip(trained(Execution.numba, STEPS, **options), expected, strict=True):
        torch.testing.assert_close(one.double(), other.double(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("clip_norm", [0.0, 0.3])
def test_the_bits_do_not_depend_on_how_many_steps_a_call_makes(dtype, clip_norm):
    options = ALL | {"clip_norm": clip_norm, "dtype": dtype, "standardized": True}
    at_once = trained(Execution.numba, STEPS, **options)
    for together in (1, 3):
        parts = trained(Execution.numba, together, **options)
        for one, other in zip(at_once, parts, strict=True):
            assert torch.equal(one, other)


def test_what_is_no_number_is_counted():
    networks = make_networks(standardized=False)
    step = make_train_step(TrainingConfig(clip_norm=1.0), networks, execution=Execution.numba)
    totals, data = Totals(CPU), make_data()
    data.energy[5] = float("nan")
    make_steps(Execution.numba, step, data, totals, 4)([np.array([1, 5])], [0.1], 0, 1.0)
    assert np.isnan(totals.read()["loss"])
    assert step.parameters.values.isnan().any()
