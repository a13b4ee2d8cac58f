"""Descriptors as a differentiable function of positions, for models of one's own in torch.

The training of this program does not need it (see model.force_gradients). First derivatives by
positions, and of those by the network, are there: enough for a loss of forces. Second derivatives
by positions, as for vibrations, are not.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from panna_exp.descriptors.geometry import Geometry
from panna_exp.descriptors.operator import Operator


def descriptors_of(positions: Tensor, operator: Operator, geometry: Geometry) -> Tensor:
    """Returns descriptors [A, D] that can be differentiated by ``positions`` [A, 3] (angstrom).

    Args:
        positions: In the order of the geometry's atoms, float64.
        operator: Of the descriptor.
        geometry: Neighbour lists that hold for these positions; its own positions are not used.
    """
    result: Tensor = _Descriptors.apply(positions, operator, geometry)  # type: ignore[no-untyped-call]
    return result


class _Descriptors(torch.autograd.Function):
    """G(x); backward is J^T v."""

    @staticmethod
    def forward(ctx: Any, positions: Tensor, operator: Operator, geometry: Geometry) -> Tensor:
        ctx.operator = operator
        ctx.geometry = replace(geometry, positions=positions.detach().double())
        return operator.compute(ctx.geometry)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        gradient = _VJP.apply(gradients[0], ctx.operator, ctx.geometry)  # type: ignore[no-untyped-call]
        return gradient.double(), None, None


class _VJP(torch.autograd.Function):
    """J^T v as a function of v; backward is J u."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, operator: Operator, geometry: Geometry) -> Tensor:
        ctx.operator, ctx.geometry = operator, geometry
        return operator.vjp(geometry, v)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.operator.jvp(ctx.geometry, gradients[0]), None, None
