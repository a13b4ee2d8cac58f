"""Compiled loops for the networks on a CPU: forward pass and gradients of all species at once.

The formulas of :mod:`panna_exp.model.gradients` and :mod:`panna_exp.model.force_gradients`, which
are the definition, for layers that are Gaussian, ReLU or linear. Matrices are multiplied by the
BLAS that SciPy ships (numba's ``np.dot``); what lies between two products is one pass over memory
instead of an operation, with its dispatch, each. Compiled by numba at the first use, then kept.

Letters: A atoms, T species, L layers of widths n_0 = D to n_L. Values of all atoms lie in one flat
array, layer after layer. Each function works on some rows of each species, those of a
:class:`Part`, so that several threads can share a batch; what they write is in these rows, but for
:class:`Work` and gradients, of which each thread has its own.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from panna_exp.compiling import OPTIONS, exp_of, fma

LINEAR, GAUSSIAN, RELU = range(3)
# So few rows are multiplied one by one: BLAS would rather copy the whole other matrix first.
_FEW = 8


class Shape(NamedTuple):
    """What the networks of all species have in common.

    Args:
        widths: [L + 1] n_0 to n_L.
        kinds: [L] activations: LINEAR, GAUSSIAN or RELU.
        starts: [T, L, 2] where weights and biases lie among the parameters.
        floor: Exponents below it are held there: smaller results are no normal numbers.
    """

    widths: Any
    kinds: Any
    starts: Any
    floor: Any


class Part(NamedTuple):
    """Rows of a batch, which is sorted by species.

    Args:
        first: [T] first row of each species.
        count: [T] rows of each.
        atoms: A of the whole batch.
    """

    first: Any
    count: Any
    atoms: int


class Kept(NamedTuple):
    """Values of all layers, flat [A (n_1 + ... + n_L)] each.

    Args:
        inner: z = x W + b.
        values: y = act(z).
        upper: dE/dy.
        scaled: dE/dz.
        moved: z', the change of z along the direction.
        changes: y'.
    """

    inner: Any
    values: Any
    upper: Any
    scaled: Any
    moved: Any
    changes: Any


class Work(NamedTuple):
    """Room for one species' rows of one layer, [rows n], and for one matrix of weights."""

    bars: Any
    above: Any
    product: Any


@njit(inline="always", **OPTIONS)
def block(flat: Any, start: int, rows: int, columns: int) -> Any:
    """Returns a matrix that lies within a flat array."""
    return flat[start : start + rows * columns].reshape((rows, columns))


@njit(**OPTIONS)
def _multiply(left: Any, right: Any, out: Any) -> None:
    """Fills ``out`` with left right."""
    if len(left) > _FEW:
        np.dot(left, right, out)
        return
    for i in range(len(left)):
        np.dot(left[i : i + 1], right, out[i : i + 1])


@njit(**OPTIONS)
def _times_slope(kind: int, z: Any, y: Any, by: Any, out: Any) -> None:
    """Fills ``out`` with act'(z) times ``by``, all flat."""
    if kind == GAUSSIAN:
        for i in range(len(out)):
            half = z[i] * y[i]  # a number 2 would make it a double
            out[i] = -(half + half) * by[i]
    elif kind == RELU:
        for i in range(len(out)):
            out[i] = by[i] if z[i] > 0 else 0 * by[i]
    else:
        out[:] = by


@njit(**OPTIONS)
def _activate(kind: int, biases: Any, z: Any, y: Any, floor: Any) -> None:
    """Adds biases to z [rows, n] and fills y."""
    rows, width = z.shape
    for i in range(rows):
        if kind == GAUSSIAN:
            for j in range(width):
                q = z[i, j] + biases[j]
                z[i, j] = q
                exponent = -q * q
                y[i, j] = exp_of(floor if exponent < floor else exponent)
        elif kind == RELU:
            for j in range(width):
                q = z[i, j] + biases[j]
                z[i, j] = q
                y[i, j] = 0 * q if q < 0 else q
        else:
            for j in range(width):
                q = z[i, j] + biases[j]
                z[i, j] = q
                y[i, j] = q


@njit(**OPTIONS)
def forward(parameters: Any, shape: Shape, part: Part, descriptors: Any, kept: Kept) -> None:
    """Fills ``inner`` and ``values``; the last of them are atomic energies without offsets."""
    for species in range(len(part.count)):
        rows, row = part.count[species], part.first[species]
        if rows == 0:
            continue
        x = descriptors[row : row + rows]
        before = 0
        for layer in range(len(shape.kinds)):
            wide, narrow = shape.widths[layer], shape.widths[layer + 1]
            weights, biases = shape.starts[species, layer]
            at = before * part.atoms + row * narrow
            z = block(kept.inner, at, rows, narrow)
            y = block(kept.values, at, rows, narrow)
            _multiply(x, block(parameters, weights, wide, narrow), z)
            _activate(shape.kinds[layer], parameters[biases : biases + narrow], z, y, shape.floor)
            x = y
            before += narrow


@njit(**OPTIONS)
def input_gradient(parameters: Any, shape: Shape, part: Part, kept: Kept, v: Any) -> None:
    """Fills ``upper``, ``scaled`` and v [A, D], each atomic energy's gradient by its input."""
    layers = len(shape.kinds)
    for species in range(len(part.count)):
        rows, row = part.count[species], part.first[species]
        if rows == 0:
            continue
        before = shape.widths[1:].sum()
        for layer in range(layers - 1, -1, -1):
            wide, narrow = shape.widths[layer], shape.widths[layer + 1]
            before -= narrow
            at = before * part.atoms + row * narrow
            if layer == layers - 1:
                kept.upper[at : at + rows * narrow] = 1
            own = slice(at, at + rows * narrow)
            inner, values = kept.inner[own], kept.values[own]
            _times_slope(shape.kinds[layer], inner, values, kept.upper[own], kept.scaled[own])
            weights = block(parameters, shape.starts[species, layer, 0], wide, narrow)
            below = v[row : row + rows]
            if layer > 0:
                start = (before - wide) * part.atoms + row * wide
                below = block(kept.upper, start, rows, wide)
            _multiply(block(kept.scaled, at, rows, narrow), weights.T, below)


@njit(**OPTIONS)
def backward(
    parameters: Any,
    shape: Shape,
    part: Part,
    descriptors: Any,
    kept: Kept,
    gradient: Any,
    direction: Any,
    gradients: Any,
    work: Work,
) -> None:
    """Fills the gradients of sum_i gradient_i E_i + direction_i . v_i; zero for absent species.

    After :func:`input_gradient` where there is a direction; it may have no rows instead.
    """
    along = len(direction) > 0
    if along:
        _change(parameters, shape, part, kept, direction)
    for species in range(len(part.count)):
        rows, row = part.count[species], part.first[species]
        work.above[:rows] = gradient[row : row + rows]
        before = shape.widths[1:].sum()
        for layer in range(len(shape.kinds) - 1, -1, -1):
            wide, narrow = shape.widths[layer], shape.widths[layer + 1]
            before -= narrow
            at, below = (
                before * part.atoms + row * narrow,
                (before - wide) * part.atoms + row * wide,
            )
            _bars(shape.kinds[layer], kept, at, rows * narrow, along, work)
            bars = block(work.bars, 0, rows, narrow)
            x = descriptors[row : row + rows]
            if layer > 0:
                x = block(kept.values, below, rows, wide)
            weights, biases = shape.starts[species, layer]
            _sum_rows(bars, gradients[biases : biases + narrow])
            _product(x, bars, block(gradients, weights, wide, narrow))
            if along and rows > 0:
                change = direction[row : row + rows]
                if layer > 0:
                    change = block(kept.changes, below, rows, wide)
                scaled = block(kept.scaled, at, rows, narrow)
                np.dot(change.T, scaled, block(work.product, 0, wide, narrow))
                for i in range(wide * narrow):
                    gradients[weights + i] += work.product[i]
            if layer > 0 and rows > 0:
                matrix = block(parameters, weights, wide, narrow)
                _multiply(bars, matrix.T, block(work.above, 0, rows, wide))


@njit(**OPTIONS)
def _change(parameters: Any, shape: Shape, part: Part, kept: Kept, direction: Any) -> None:
    """Fills ``moved`` and ``changes``."""
    for species in range(len(part.count)):
        rows, row = part.count[species], part.first[species]
        if rows == 0:
            continue
        x = direction[row : row + rows]
        before = 0
        for layer in range(len(shape.kinds)):
            wide, narrow = shape.widths[layer], shape.widths[layer + 1]
            at = before * part.atoms + row * narrow
            weights = block(parameters, shape.starts[species, layer, 0], wide, narrow)
            _multiply(x, weights, block(kept.moved, at, rows, narrow))
            own = slice(at, at + rows * narrow)
            inner, values = kept.inner[own], kept.values[own]
            _times_slope(shape.kinds[layer], inner, values, kept.moved[own], kept.changes[own])
            x = block(kept.changes, at, rows, narrow)
            before += narrow


@njit(**OPTIONS)
def _bars(kind: int, kept: Kept, at: int, size: int, along: bool, work: Work) -> None:
    """Fills the first numbers of ``bars`` with bar z = act' bar y (+ act'' z' dE/dy)."""
    own = slice(at, at + size)
    z, y, above, bars = kept.inner[own], kept.values[own], work.above[:size], work.bars[:size]
    if not along or kind != GAUSSIAN:
        _times_slope(kind, z, y, above, bars)  # act'' of the others is zero
        return
    moved, upper = kept.moved[own], kept.upper[own]
    for i in range(size):
        half = z[i] * y[i]
        slope = -(half + half)
        bent = fma(slope, z[i], y[i]) * moved[i] * upper[i]
        bars[i] = fma(slope, above[i], -(bent + bent))


@njit(**OPTIONS)
def _sum_rows(rows: Any, total: Any) -> None:
    total[:] = 0
    for i in range(len(rows)):
        for j in range(len(total)):
            total[j] += rows[i, j]


@njit(**OPTIONS)
def _product(left: Any, right: Any, out: Any) -> None:
    """Fills ``out`` with left^T right, which is zero without rows."""
    if len(left):
        np.dot(left.T, right, out)
    else:
        out[:] = 0
