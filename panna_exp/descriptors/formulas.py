"""The functions that descriptors are made of, elementwise and differentiable.

The tensor code and the module that is exported to other engines call them; TorchScript compiles
them, so that they take tensors and numbers alone. Arguments broadcast against one another.
"""

import math

import torch
from torch import Tensor


def cutoff_function(distance: Tensor, cutoff: float) -> Tensor:
    """Returns (1 + cos(pi r / Rc)) / 2 for r < Rc, otherwise 0.

    Written as cos^2(pi r / (2 Rc)), which keeps its relative accuracy near the cutoff.
    """
    inside = distance < cutoff
    return torch.cos(distance * (math.pi / (2 * cutoff))).square_() * inside


def gaussian(x: Tensor, center: Tensor, eta: Tensor, floor: float) -> Tensor:
    """Returns exp(-eta (x - center)^2), exponents below -floor held there."""
    return (x - center).square_().mul_(-eta).clamp_(min=-floor).exp_()


def smoothed_sine(square: Tensor, smoothing: Tensor) -> Tensor:
    """Returns s_q = sqrt(1 - c^2 + eps sin^2 th_q) of ``square`` = 1 - c^2."""
    return (square + smoothing).sqrt_()


def angle_base(
    cosine: Tensor,
    sine: Tensor,
    constant: Tensor,
    cosine_factor: Tensor,
    sine_factor: Tensor,
    lowest: Tensor,
) -> Tensor:
    """Returns (1 + c cos th_q + s_q sin th_q) / norm_q, not below ``lowest``.

    Args:
        cosine: c of the angle.
        sine: s_q.
        constant: 1 / norm_q.
        cosine_factor: cos th_q / norm_q.
        sine_factor: sin th_q / norm_q.
        lowest: Above 0, since a power is taken of it.
    """
    base = torch.addcmul(constant, cosine_factor, cosine)
    return torch.maximum(base.addcmul_(sine_factor, sine), lowest)


def power(base: Tensor, exponent: Tensor) -> Tensor:
    """Returns base^exponent for a base above 0."""
    return base.log().mul_(exponent).exp_()


def opposite_square(first: Tensor, second: Tensor, half: Tensor) -> Tensor:
    """Returns r_jk^2 = (r_ij - r_ik)^2 + 4 r_ij r_ik h_- with h_- = (1 - c) / 2."""
    return (first - second).square_().add_(first * second * half, alpha=4)


def screened_repulsion(
    distance: Tensor, strength: Tensor, length: Tensor, outer: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns the screened repulsion of two nuclei and its derivative by their distance.

    See :mod:`panna_exp.descriptors.repulsion`.

    Args:
        distance: r, above 0 (angstrom).
        strength: k Z_i Z_j (eV angstrom).
        length: a (angstrom).
        outer: Where it ends, R (angstrom).
    """
    x = distance / length
    screen, screen_derivative = torch.zeros_like(x), torch.zeros_like(x)
    for weight, rate in (
        (0.18175, 3.19980),
        (0.50986, 0.94229),
        (0.28022, 0.40290),
        (0.02817, 0.20162),
    ):
        term = weight * torch.exp(-rate * x)
        screen = screen + term
        screen_derivative = screen_derivative - rate * term
    coulomb = strength / distance
    half = 0.5 * outer.clamp(min=1e-6)
    t = ((distance - half) / half).clamp(0.0, 1.0)
    switch = 1 - t * t * t * (10 - 15 * t + 6 * t * t)
    fall = -30 * t * t * (1 - t) * (1 - t) / half
    value = coulomb * screen
    derivative = coulomb * (screen_derivative / length - screen / distance)
    return value * switch, derivative * switch + value * fall
