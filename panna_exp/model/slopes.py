"""First and second derivatives of activations, from z and y = act(z)."""

import torch
from torch import Tensor

from panna_exp.networks.layers import Activation


def slope_of(activation: Activation, z: Tensor, y: Tensor) -> Tensor | None:
    """Returns act'(z) for y = act(z) (of rbf by its exponent), None where it is 1."""
    if activation is Activation.gaussian:
        return (z * y).mul_(-2)
    if activation is Activation.relu:
        return (y > 0).to(y.dtype)
    if activation is Activation.tanh:
        return 1 - y * y
    return y if activation is Activation.rbf else None


def curvature_of(
    activation: Activation, z: Tensor, y: Tensor, slope: Tensor | None
) -> Tensor | None:
    """Returns act''(z) as a new tensor, None where it is zero."""
    if slope is None or activation is Activation.relu:
        return None
    if activation is Activation.gaussian:
        return torch.addcmul(y, slope, z).mul_(-2)
    if activation is Activation.tanh:
        return (slope * y).mul_(-2)
    return y.clone()
