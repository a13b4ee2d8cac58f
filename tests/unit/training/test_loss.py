import math

import numpy as np
import pytest
import torch

from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.training.flat import FlatParameters
from panna_exp.training.loss import EnergyLoss, EnergyLossSettings, Penalty, PenaltySettings

DELTA = np.array([0.1, -0.3, 0.2])
ATOMS = np.array([3.0, 4.0, 5.0])


def value(**settings):
    loss = EnergyLoss(EnergyLossSettings(**settings))
    return float(loss(torch.from_numpy(DELTA), torch.from_numpy(ATOMS)))


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("quad", DELTA**2),
        ("exp_quad", np.exp(0.7 * DELTA**2)),
        ("quad_atom", (DELTA / ATOMS) ** 2),
        ("quad_std_atom", DELTA**2 / ATOMS),
        ("exp_quad_atom", np.exp(0.7 * (DELTA / ATOMS) ** 2)),
        ("huber", [0.01, 0.12 * 0.3 * 2 - 0.12**2, 0.12 * 0.2 * 2 - 0.12**2]),
        ("huber_std_atom", [0.01 / 3, 0.12 * 0.15 * 2 - 0.12**2, 0.04 / 5]),
        ("huber_atom", (DELTA / ATOMS) ** 2),
    ],
)
@pytest.mark.parametrize(("weight", "power"), [(None, 0), ("n_atoms", 1), ("n_atoms2", 2)])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_losses_of_panna_2(name, terms, weight, power, reduction):
    expected = getattr(np, reduction)(terms / ATOMS**power)
    found = value(name=name, weight=weight, reduction=reduction, prefactor=0.7, huber_delta=0.12)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("suffix", "total"),
    [
        ("", (DELTA**2).sum()),
        ("_atom", ((DELTA / ATOMS) ** 2).sum()),
        ("_std_atom", (DELTA**2 / ATOMS).sum()),
    ],
)
def test_losses_of_panna_1(suffix, total):
    assert value(name=f"quad{suffix}", panna_version=1) == pytest.approx(total, rel=1e-12)
    found = value(name=f"exp_quad{suffix}", panna_version=1)
    assert found == pytest.approx(0.5 * math.exp(2 * total), rel=1e-12)
    expected = (DELTA**2).sum() + math.exp(5 * math.tanh(total / 5))
    found = value(name=f"quad_exp_tanh{suffix}", panna_version=1)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weight", [None, "n_atoms", "n_atoms2"])
@pytest.mark.parametrize(
    ("name", "version"),
    [
        *((f"{name}", 2) for name in ("quad", "quad_atom", "quad_std_atom", "exp_quad")),
        *((f"huber{end}", 2) for end in ("", "_atom", "_std_atom")),
        *((f"quad{end}", 1) for end in ("", "_atom", "_std_atom", "_exp_tanh_atom")),
        ("exp_quad_atom", 1),
    ],
)
@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 0.0, 3.0], dtype=torch.float64)])
def test_value_and_gradient_equal_autograd(name, version, weight, reduction, weights):
    loss = EnergyLoss(
        EnergyLossSettings(
            name=name,
            panna_version=version,
            weight=weight,
            reduction=reduction,
            huber_delta=0.07,
        )
    )
    delta = torch.from_numpy(DELTA).requires_grad_()
    expected = loss(delta, torch.from_numpy(ATOMS), weights)
    (gradient,) = torch.autograd.grad(expected, delta)
    found = loss.value_and_gradient(delta.detach(), torch.from_numpy(ATOMS), weights)
    torch.testing.assert_close(found[0], expected.detach(), rtol=1e-13, atol=0)
    torch.testing.assert_close(found[1], gradient, rtol=1e-13, atol=0)


def test_a_weight_of_two_is_a_structure_that_is_there_twice():
    for name, version in (("quad_atom", 2), ("exp_quad", 2), ("quad_std_atom", 1)):
        loss = EnergyLoss(EnergyLossSettings(name=name, panna_version=version, reduction="sum"))
        delta, atoms = torch.from_numpy(DELTA), torch.from_numpy(ATOMS)
        twice = torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64)
        chosen = torch.tensor([0, 0, 1])
        assert float(loss(delta, atoms, twice)) == pytest.approx(
            float(loss(delta[chosen], atoms[chosen])), rel=1e-14
        )


def test_penalty_and_its_gradient_equal_autograd_and_count_frozen_layers():
    random = np.random.default_rng(0)
    layers = (
        LayerData(random.normal(size=(3, 2)), random.normal(size=2), Activation.gaussian),
        LayerData(random.normal(size=(2, 1)), random.normal(size=1), Activation.linear),
    )
    data = NetworkData(symbol="H", layers=layers, offset=0.0, trainable=(False, True))
    networks = SpeciesNetworks([data], torch.float64)
    factors = {"weights": (0.3, 0.5), "biases": (0.7, 0.11)}
    expected = sum(
        factors[kind][0] * p.abs().sum() + factors[kind][1] * (p * p).sum()
        for _, kind, p, _ in networks.named_layers()
    )
    expected.backward()
    trained = [p for _, _, p, trainable in networks.named_layers() if trainable]
    wanted = torch.cat([p.grad.flatten() for p in trained])

    parameters = FlatParameters(networks)
    settings = PenaltySettings(weights_l1=0.3, weights_l2=0.5, biases_l1=0.7, biases_l2=0.11)
    penalty = Penalty(settings, networks, parameters)
    assert float(penalty.value()) == pytest.approx(expected.item(), rel=1e-12)
    penalty.add_gradient()
    torch.testing.assert_close(parameters.gradients, wanted)
