"""Activations y = act(z) for compiled code, with their derivatives: one row for each.

The formulas of :data:`panna_exp.model.activations.FUNCTIONS`, which a test compares these with. Of
each row three loops are compiled; which of them runs is decided by the index of a row, outside of
the loop, so that each loop is simple enough for the processor's wide registers.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from panna_exp.compiling import exp_of, fma, part
from panna_exp.networks.layers import Activation


def constant(value: Any, like: Any) -> Any:
    """Returns a number in the precision of another; a bare one would make all double."""


@overload(constant, inline="always")
def _compiled_constant(value: Any, like: Any) -> Any:
    to: Any = np.float32 if like == types.float32 else np.float64

    def convert(value: Any, like: Any) -> Any:
        return to(value)

    return convert


class Formulas(NamedTuple):
    """Compiled functions of numbers.

    Args:
        value: act(z) of (z, floor); exponents below ``floor`` are held there.
        derivative: act'(z) of (z, y).
        second_derivative: act''(z) of (z, y, act'(z)).
    """

    value: Callable[..., Any]
    derivative: Callable[..., Any]
    second_derivative: Callable[..., Any]


@part
def _exp(exponent: Any, floor: Any) -> Any:
    return exp_of(floor if exponent < floor else exponent)


@part
def _tanh(z: Any, floor: Any) -> Any:
    """(1 - e) / (1 + e), e = exp(-2 |z|), with the sign of z: vectorises, unlike libm's."""
    small = _exp(constant(-2, z) * abs(z), floor)
    one = constant(1, z)
    return np.copysign((one - small) / (one + small), z)


@part
def _sigmoid(z: Any) -> Any:
    """1 / (1 + exp(-z)), exp taken of a negative number."""
    one = constant(1, z)
    small = _exp(-abs(z), constant(-80, z))
    return (one if z >= 0 else small) / (one + small)


def _silu_derivative(z: Any, y: Any) -> Any:
    sigmoid = _sigmoid(z)
    return fma(y, constant(1, z) - sigmoid, sigmoid)


def _silu_second(z: Any, y: Any, d: Any) -> Any:
    sigmoid, two = _sigmoid(z), constant(2, z)
    return sigmoid * (constant(1, z) - sigmoid) * (two + z - two * y)


def _formulas(*functions: Callable[..., Any]) -> Formulas:
    return Formulas(*(part(function) for function in functions))


FORMULAS = {
    Activation.linear: _formulas(
        lambda z, floor: z, lambda z, y: constant(1, z), lambda z, y, d: constant(0, z)
    ),
    Activation.gaussian: _formulas(
        lambda z, floor: _exp(-z * z, floor),
        lambda z, y: constant(-2, z) * (z * y),
        lambda z, y, d: constant(-2, z) * fma(d, z, y),
    ),
    Activation.relu: _formulas(
        lambda z, floor: constant(0, z) * z if z < 0 else z,
        lambda z, y: constant(1, z) if z > 0 else constant(0, z),
        lambda z, y, d: constant(0, z),
    ),
    Activation.tanh: _formulas(
        _tanh.py_func, lambda z, y: constant(1, z) - y * y, lambda z, y, d: constant(-2, z) * d * y
    ),
    Activation.silu: _formulas(lambda z, floor: z * _sigmoid(z), _silu_derivative, _silu_second),
}
KINDS = {activation: index for index, activation in enumerate(FORMULAS)}

Loop = Callable[..., None]


def _activate(formulas: Formulas) -> Loop:
    value = formulas.value

    def loop(biases: Any, z: Any, y: Any, floor: Any) -> None:
        rows, width = z.shape
        for i in range(rows):
            for j in range(width):
                q = z[i, j] + biases[j]
                z[i, j] = q
                y[i, j] = value(q, floor)

    return loop


def _times_derivative(formulas: Formulas) -> Loop:
    derivative = formulas.derivative

    def loop(z: Any, y: Any, by: Any, out: Any) -> None:
        for i in range(len(out)):
            out[i] = derivative(z[i], y[i]) * by[i]

    return loop


def _second_order(formulas: Formulas) -> Loop:
    derivative, second = formulas.derivative, formulas.second_derivative

    def loop(z: Any, y: Any, by: Any, change: Any, by_output: Any, out: Any) -> None:
        for i in range(len(out)):
            d = derivative(z[i], y[i])
            out[i] = fma(d, by[i], second(z[i], y[i], d) * change[i] * by_output[i])

    return loop


def _of_kind(make: Callable[[Formulas], Loop]) -> Loop:
    """Returns a compiled function that runs the loop of a row, whose index it is given first."""
    # Written out: a choice of choices takes twice as long to compile.
    linear, gaussian, relu, tanh, silu = (part(make(row)) for row in FORMULAS.values())

    @part
    def choose(kind: int, *arguments: Any) -> None:
        if kind == 0:
            linear(*arguments)
        elif kind == 1:
            gaussian(*arguments)
        elif kind == 2:
            relu(*arguments)
        elif kind == 3:
            tanh(*arguments)
        else:
            silu(*arguments)

    result: Loop = choose
    return result


# Of (kind, biases, z, y, floor): adds biases to z [rows, n] and fills y.
activate = _of_kind(_activate)
# Of (kind, z, y, by, out), all flat: fills ``out`` with act'(z) by.
times_derivative = _of_kind(_times_derivative)
# Of (kind, z, y, by, change, by_output, out), all flat: act'(z) by + act''(z) change by_output.
second_order = _of_kind(_second_order)
