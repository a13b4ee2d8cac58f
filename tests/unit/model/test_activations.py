"""One row of formulas for each activation: derivatives, and the compiled table beside torch's."""

import numpy as np
import pytest
import torch
from numba import njit

from panna_exp.model.activations import FUNCTIONS, SMALLEST_EXPONENT
from panna_exp.model.numba_activations import FORMULAS
from panna_exp.networks.layers import Activation

Z = torch.cat([torch.linspace(-4, 4, 61), torch.tensor([-1e-4, 1e-3, 11.0, -30.0])]).double()


def values_of(function, z):
    """y, act'(z) and act''(z) by a row of the table."""
    y = function.value(z)
    if function.derivative is None:
        return y, torch.ones_like(z), torch.zeros_like(z)
    derivative = function.derivative(z, y)
    if function.second_derivative is None:
        return y, derivative, torch.zeros_like(z)
    return y, derivative, function.second_derivative(z, y, derivative)


def test_every_activation_has_a_row():
    assert set(FUNCTIONS) == set(Activation)
    assert set(FORMULAS) == set(Activation) - {Activation.rbf, Activation.softplus}


@pytest.mark.parametrize("activation", list(Activation))
def test_derivatives_are_those_of_autograd(activation):
    z = Z[Z > SMALLEST_EXPONENT].clone().requires_grad_()
    function = FUNCTIONS[activation]
    (first,) = torch.autograd.grad(function.value(z).sum(), z, create_graph=True)
    second = torch.zeros_like(z)
    if first.requires_grad:
        (second,) = torch.autograd.grad(first.sum(), z, allow_unused=True)
    near = (z**2 < -SMALLEST_EXPONENT).detach()  # beyond, both are too small to matter
    _, derivative, second_derivative = values_of(function, z.detach())
    torch.testing.assert_close(derivative[near], first.detach()[near], rtol=1e-12, atol=1e-14)
    if second is not None:
        torch.testing.assert_close(second_derivative[near], second[near], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("activation", list(FORMULAS))
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 2e-15), ("float32", 1e-6)])
def test_compiled_formulas_are_those_of_torch(activation, dtype, tolerance):
    value, derivative, second_derivative = FORMULAS[activation]

    @njit
    def fill(z, floor, out):
        for i in range(len(z)):
            y = value(z[i], floor)
            first = derivative(z[i], y)
            out[0, i], out[1, i] = y, first
            out[2, i] = second_derivative(z[i], y, first)

    z = Z.numpy().astype(dtype)
    out = np.empty((3, len(z)), dtype)
    fill(z, z.dtype.type(SMALLEST_EXPONENT), out)
    expected = torch.stack(values_of(FUNCTIONS[activation], torch.from_numpy(z)))
    torch.testing.assert_close(torch.from_numpy(out), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("activation", list(FORMULAS))
def test_what_is_no_number_stays_so(activation):
    value = FORMULAS[activation].value
    assert np.isnan(njit(lambda z: value(z, -80.0))(float("nan")))
