"""Activations of one layer, as PANNA defines them.

gaussian: exp(-z^2) with z = x W + b. rbf: exp(-sum_k (x_k - W_kj)^2), whose bias is stored but
takes no part. Shapes: x [n, n_in], W [n_in, n_out], b [n_out].
"""

from collections.abc import Callable

import torch
from torch import Tensor

from panna_exp.networks.layers import Activation

# exp of arguments below about -87 makes denormal float32 numbers, which are many times slower.
SMALLEST_EXPONENT = -80.0


def _gaussian(z: Tensor) -> Tensor:
    return torch.exp(torch.clamp(-z * z, min=SMALLEST_EXPONENT))


ELEMENTWISE: dict[Activation, Callable[[Tensor], Tensor]] = {
    Activation.linear: lambda z: z,
    Activation.gaussian: _gaussian,
    Activation.relu: torch.relu,
    Activation.tanh: torch.tanh,
}


def apply_layer(x: Tensor, weights: Tensor, biases: Tensor, activation: Activation) -> Tensor:
    """Returns the layer's output [n, n_out]."""
    if activation is Activation.rbf:
        return rbf(x, weights)
    return ELEMENTWISE[activation](torch.addmm(biases, x, weights))


def rbf(x: Tensor, weights: Tensor) -> Tensor:
    """Returns exp(-|x_n - W_j|^2) [n, n_out]."""
    # The square expanded, so that no [n, n_in, n_out] array is made.
    squares = (x * x).sum(1, keepdim=True) + (weights * weights).sum(0)
    return torch.exp(torch.clamp(2 * (x @ weights) - squares, min=SMALLEST_EXPONENT))
