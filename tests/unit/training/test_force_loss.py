"""PANNA's force losses, and their gradients."""

import numpy as np
import pytest
import torch

from panna_exp.training.force_loss import ForceLoss, ForceLossSettings, virial_loss

SIZES = (2, 3, 1)
STRUCTURE = torch.tensor([0, 1, 0, 1, 2, 1])
ATOMS = torch.tensor(SIZES, dtype=torch.float64)
# Of the second structure one atom of three, of the others all.
KNOWN = torch.tensor([1, 0, 1, 1, 1, 0], dtype=torch.float64)


@pytest.fixture
def delta():
    return torch.from_numpy(np.random.default_rng(0).normal(size=(6, 3)) * 0.3)


def make(**settings):
    return ForceLoss(ForceLossSettings(cost=1.0, **settings))


def by_structure(delta, function=lambda square: square):
    return np.array([float(function(delta[s == STRUCTURE] ** 2).sum()) for s in range(3)])


@pytest.mark.parametrize(
    ("name", "divide"),
    [("quad", 1), ("quad_atom", ATOMS.numpy()), ("quad_percomp", 3 * ATOMS.numpy())],
)
@pytest.mark.parametrize(
    ("weight", "factor"),
    [
        (None, 1),
        ("n_atoms", 1 / ATOMS.numpy()),
        ("n_atoms2", ATOMS.numpy() ** -2.0),
        ("3n_atoms", 1 / (3 * ATOMS.numpy())),
        ("3n_atoms2", (3 * ATOMS.numpy()) ** -2.0),
    ],
)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_losses_of_2x(delta, name, divide, weight, factor, reduction):
    expected = getattr(np, reduction)(by_structure(delta) / divide * factor)
    value, _ = make(name=name, weight=weight, reduction=reduction)(delta, STRUCTURE, ATOMS, None)
    assert float(value) == pytest.approx(expected, rel=1e-12)


def test_exponential_loss_of_2x(delta):
    expected = np.mean(by_structure(delta, torch.exp))
    value, _ = make(name="exp_quad")(delta, STRUCTURE, ATOMS, None)
    assert float(value) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("known", [None, KNOWN])
@pytest.mark.parametrize("fraction", [1.0, 0.5])
@pytest.mark.parametrize(
    ("name", "version"),
    [
        *((name, 2) for name in ("quad", "exp_quad", "quad_atom", "quad_percomp")),
        *((name, 1) for name in ("quad", "exp_quad", "quad_atom", "exp_quad_atom")),
    ],
)
def test_gradients_equal_autograd(delta, name, version, fraction, known):
    loss = make(name=name, panna_version=version, fraction=fraction)
    variable = delta.clone().requires_grad_()
    value, _ = loss(variable, STRUCTURE, ATOMS, known, step=3)
    (expected,) = torch.autograd.grad(value, variable)
    _, gradient = loss(delta, STRUCTURE, ATOMS, known, step=3)
    torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-14)


def test_huber_losses_go_by_the_length_of_an_error(delta):
    lengths = delta.norm(dim=1).numpy()
    limit = float(np.median(lengths))
    terms = np.where(lengths < limit, lengths**2, 2 * limit * lengths - limit**2)
    sums = np.array([terms[s == STRUCTURE.numpy()].sum() for s in range(3)])
    value, _ = make(name="huber", huber_delta=limit)(delta, STRUCTURE, ATOMS, None)
    assert float(value) == pytest.approx(sums.mean(), rel=1e-12)
    value, _ = make(name="huber_atom", huber_delta=limit)(delta, STRUCTURE, ATOMS, None)
    assert float(value) == pytest.approx((sums / ATOMS.numpy()).mean(), rel=1e-12)
    loss, variable = make(name="huber", huber_delta=limit), delta.clone().requires_grad_()
    value, gradient = loss(variable, STRUCTURE, ATOMS, KNOWN)
    torch.testing.assert_close(gradient, torch.autograd.grad(value, variable)[0])
    value, gradient = make(name="huber")(0 * delta, STRUCTURE, ATOMS, None)
    assert value == 0
    assert not gradient.any()


def test_atoms_without_forces_count_for_nothing(delta):
    value, gradient = make()(delta, STRUCTURE, ATOMS, KNOWN)
    assert float(value) == pytest.approx(float((delta[KNOWN == 1] ** 2).sum()) / 3)
    assert not gradient[KNOWN == 0].any()
    assert gradient[KNOWN == 1].all()


def test_forces_count_by_their_structures_weights(delta):
    weights = torch.tensor([2.0, 5.0, 0.0], dtype=torch.float64)
    value, gradient = make()(delta, STRUCTURE, ATOMS, KNOWN, weights)
    squares = by_structure(delta * KNOWN[:, None])
    assert float(value) == pytest.approx(float(squares @ weights.numpy()) / 3)
    assert not gradient[STRUCTURE == 2].any()


def test_virials_count_by_their_structures_weights():
    random = np.random.default_rng(0)
    strain, virial = (torch.from_numpy(random.normal(size=(3, 3, 3))) for _ in range(2))
    virial[1] = torch.nan
    weights = torch.tensor([2.0, 5.0, 0.0], dtype=torch.float64)
    value, slope = virial_loss(strain, virial, ATOMS, weights)
    alone, slope_alone = virial_loss(strain[:1], virial[:1], ATOMS[:1])
    assert float(value) == pytest.approx(2 / 3 * float(alone))
    torch.testing.assert_close(slope[:1], 2 / 3 * slope_alone)
    assert not slope[1:].any()


def test_a_fraction_of_the_components_is_right_on_average(delta):
    loss, whole = make(fraction=0.3, seed=1), make()
    expected, expected_gradient = whole(delta, STRUCTURE, ATOMS, None)
    results = [loss(delta, STRUCTURE, ATOMS, None, step=step) for step in range(4000)]
    assert float(torch.stack([r[0] for r in results]).mean()) == pytest.approx(
        float(expected), rel=0.05
    )
    mean = torch.stack([r[1] for r in results]).mean(0)
    torch.testing.assert_close(mean, expected_gradient, rtol=0.15, atol=1e-3)
    chosen = torch.stack([r[1] != 0 for r in results]).double().mean()
    assert float(chosen) == pytest.approx(0.3, abs=0.01)
    again = loss(delta, STRUCTURE, ATOMS, None, step=17)
    torch.testing.assert_close(again[1], results[17][1], rtol=0, atol=0)
    assert loss.of_all_components()(delta, STRUCTURE, ATOMS, None, step=17)[0] == expected
