"""Activations y = act(z) of tensors, with their derivatives: one row for each.

As PANNA defines them. gaussian: exp(-z^2) with z = x W + b. rbf: exp(z) with
z = -sum_k (x_k - W_kj)^2. The table of compiled code (:mod:`panna_exp.model.numba_activations`) is
checked against this one. Shapes: any, all the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from panna_exp.networks.layers import Activation

# exp of arguments below about -87 makes denormal float32 numbers, which are many times slower.
SMALLEST_EXPONENT = -80.0


@dataclass(frozen=True, slots=True)
class Function:
    """An activation; what a function returns is a new tensor, but of a linear layer.

    Args:
        value: act(z) of z.
        derivative: act'(z) of (z, y); None where it is 1.
        second_derivative: act''(z) of (z, y, act'(z)); None where it is 0.
    """

    value: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor, Tensor], Tensor] | None = None
    second_derivative: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None


def _silu_derivative(z: Tensor, y: Tensor) -> Tensor:
    """Returns s + y (1 - s) with s = 1 / (1 + exp(-z))."""
    sigmoid = torch.sigmoid(z)
    return torch.addcmul(sigmoid, y, 1 - sigmoid)


def _silu_second(z: Tensor, y: Tensor) -> Tensor:
    """Returns s (1 - s) (2 + z - 2 y)."""
    sigmoid = torch.sigmoid(z)
    return (2 + z - 2 * y).mul_(sigmoid).mul_(1 - sigmoid)


FUNCTIONS = {
    Activation.linear: Function(lambda z: z),
    Activation.gaussian: Function(
        lambda z: (z * z).neg_().clamp_(min=SMALLEST_EXPONENT).exp_(),
        lambda z, y: (z * y).mul_(-2),
        lambda z, y, derivative: torch.addcmul(y, derivative, z).mul_(-2),
    ),
    Activation.relu: Function(torch.relu, lambda z, y: (y > 0).to(y.dtype)),
    Activation.tanh: Function(
        torch.tanh,
        lambda z, y: 1 - y * y,
        lambda z, y, derivative: (derivative * y).mul_(-2),
    ),
    Activation.silu: Function(
        functional.silu,
        _silu_derivative,
        lambda z, y, derivative: _silu_second(z, y),
    ),
    Activation.softplus: Function(
        lambda z: torch.logaddexp(z, torch.zeros_like(z)),
        lambda z, y: torch.sigmoid(z),
        lambda z, y, derivative: derivative * (1 - derivative),
    ),
    Activation.rbf: Function(
        lambda z: torch.exp(torch.clamp(z, min=SMALLEST_EXPONENT)),
        lambda z, y: y,
        lambda z, y, derivative: y.clone(),
    ),
}
