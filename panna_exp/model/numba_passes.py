"""Compiled passes through the networks on a CPU: energies and gradients of all species.

The formulas of :mod:`panna_exp.model.group_pass`, which are the definition, for all layers but rbf.
Matrices are multiplied by the BLAS that SciPy ships (numba's ``np.dot``); what lies between two
products is one pass over memory instead of an operation, with its dispatch, each. Compiled by
numba at the first use, then kept.

Letters: A atoms, T species, L most layers of any; layer k of species t has widths n_k to n_(k+1),
n_0 = D. Values of all atoms lie in one flat array: species after species, within each layer after
layer. Each function works on some rows of each species, those of a :class:`Rows`, so that several
threads can share a batch; what they write is in these rows, but for :class:`Work` and gradients,
of which each thread has its own.
"""

from typing import Any, NamedTuple

import numpy as np

from panna_exp.compiling import compiled, fma, inlined
from panna_exp.model.numba_activations import activate, second_order, times_derivative

# So few rows are multiplied one by one: BLAS would rather copy the whole other matrix first.
_FEW = 8


class Shape(NamedTuple):
    """The layers of all species.

    Args:
        layers: [T] how many there are.
        widths: [T, L + 1] n_0 to n_L.
        kinds: [T, L] activations, of :data:`panna_exp.model.numba_activations.KINDS`.
        starts: [T, L, 2] where weights and biases lie among the parameters, those that are trained
            first.
        gradients: [T, L, 2] where the gradients by those that are trained go.
        trained: [T, L] whether a layer is trained.
        lowest: [T] the lowest trained layer.
        floor: Exponents below it are held there: smaller results are no normal numbers.
    """

    layers: Any
    widths: Any
    kinds: Any
    starts: Any
    gradients: Any
    trained: Any
    lowest: Any
    floor: Any


class Rows(NamedTuple):
    """Rows of a batch, which is sorted by species.

    Args:
        first: [T] first row of each species.
        count: [T] rows of each.
        begin: [T] first row of each species in the whole batch.
        total: [T] rows of each in the whole batch.
        offset: [T] where a species' values begin in :class:`Kept`.
    """

    first: Any
    count: Any
    begin: Any
    total: Any
    offset: Any


class Kept(NamedTuple):
    """Values of all layers, flat [sum_t A_t (n_1 + ... + n_L)] each.

    Args:
        arguments: z = x W + b.
        values: y = act(z).
        by_output: dE/dy.
        by_argument: dE/dz.
        argument_changes: z', the change of z along the direction.
        changes: y'.
    """

    arguments: Any
    values: Any
    by_output: Any
    by_argument: Any
    argument_changes: Any
    changes: Any


class Work(NamedTuple):
    """Memory for one species' rows of one layer, [rows n], and for one matrix of weights."""

    bars: Any
    above: Any
    product: Any


@inlined
def block(flat: Any, start: int, rows: int, columns: int) -> Any:
    """Returns a matrix that lies within a flat array."""
    return flat[start : start + rows * columns].reshape((rows, columns))


@inlined
def _place(rows: Rows, species: int, before: int, width: int) -> int:
    """Returns where the rows' values of a layer begin; ``before`` is the widths of those below."""
    own = (rows.first[species] - rows.begin[species]) * width
    return rows.offset[species] + before * rows.total[species] + own  # type: ignore[no-any-return]


@inlined
def _weights(parameters: Any, shape: Shape, species: int, layer: int) -> Any:
    start = shape.starts[species, layer, 0]
    return block(parameters, start, shape.widths[species, layer], shape.widths[species, layer + 1])


@compiled
def _multiply(left: Any, right: Any, out: Any) -> None:
    """Fills ``out`` with left right."""
    if len(left) > _FEW:
        np.dot(left, right, out)
        return
    out[:] = 0
    inner = left.shape[1]
    fours = inner - inner % 4
    for k in range(0, fours, 4):
        for i in range(len(left)):
            a, b, c, d = left[i, k], left[i, k + 1], left[i, k + 2], left[i, k + 3]
            for j in range(out.shape[1]):
                total = fma(a, right[k, j], out[i, j])
                total = fma(b, right[k + 1, j], total)
                total = fma(c, right[k + 2, j], total)
                out[i, j] = fma(d, right[k + 3, j], total)
    for k in range(fours, inner):
        for i in range(len(left)):
            for j in range(out.shape[1]):
                out[i, j] = fma(left[i, k], right[k, j], out[i, j])


@compiled
def _multiply_transposed(left: Any, right: Any, out: Any) -> None:
    """Fills ``out`` with left right^T."""
    if len(left) > _FEW:
        np.dot(left, right.T, out)
        return
    for i in range(len(left)):
        np.dot(left[i : i + 1], right.T, out[i : i + 1])


@compiled
def forward(
    parameters: Any, shape: Shape, rows: Rows, descriptors: Any, kept: Kept, energies: Any
) -> None:
    """Fills ``arguments``, ``values`` and the atomic energies [A], without offsets."""
    for species in range(len(rows.count)):
        count, row = rows.count[species], rows.first[species]
        if count == 0:
            continue
        x = descriptors[row : row + count]
        before = 0
        for layer in range(shape.layers[species]):
            width = shape.widths[species, layer + 1]
            at = _place(rows, species, before, width)
            z = block(kept.arguments, at, count, width)
            y = block(kept.values, at, count, width)
            _multiply(x, _weights(parameters, shape, species, layer), z)
            start = shape.starts[species, layer, 1]
            biases = parameters[start : start + width]
            activate(shape.kinds[species, layer], biases, z, y, shape.floor)
            x = y
            before += width
        energies[row : row + count] = x[:, 0]


@compiled
def input_gradient(parameters: Any, shape: Shape, rows: Rows, kept: Kept, v: Any) -> None:
    """Fills ``by_output``, ``by_argument`` and v [A, D], atomic energies' gradients by inputs."""
    for species in range(len(rows.count)):
        count, row = rows.count[species], rows.first[species]
        if count == 0:
            continue
        layers = shape.layers[species]
        before = shape.widths[species, 1 : layers + 1].sum()
        for layer in range(layers - 1, -1, -1):
            wide, narrow = shape.widths[species, layer], shape.widths[species, layer + 1]
            before -= narrow
            at = _place(rows, species, before, narrow)
            own = slice(at, at + count * narrow)
            if layer == layers - 1:
                kept.by_output[own] = 1
            times_derivative(
                shape.kinds[species, layer],
                kept.arguments[own],
                kept.values[own],
                kept.by_output[own],
                kept.by_argument[own],
            )
            below = v[row : row + count]
            if layer > 0:
                start = _place(rows, species, before - wide, wide)
                below = block(kept.by_output, start, count, wide)
            weights = _weights(parameters, shape, species, layer)
            _multiply_transposed(block(kept.by_argument, at, count, narrow), weights, below)


@compiled
def backward(
    parameters: Any,
    shape: Shape,
    rows: Rows,
    descriptors: Any,
    kept: Kept,
    gradient: Any,
    direction: Any,
    gradients: Any,
    work: Work,
) -> None:
    """Fills the gradients of sum_i gradient_i E_i + direction_i . v_i; zero for absent species.

    After :func:`input_gradient` where there is a direction; without one it is None, and what it
    needs is not compiled.
    """
    if direction is not None:
        _change(parameters, shape, rows, kept, direction)
    for species in range(len(rows.count)):
        backward_of(
            species,
            parameters,
            shape,
            rows,
            descriptors,
            kept,
            gradient,
            direction,
            gradients,
            work,
        )


@compiled
def backward_of(
    species: int,
    parameters: Any,
    shape: Shape,
    rows: Rows,
    descriptors: Any,
    kept: Kept,
    gradient: Any,
    direction: Any,
    gradients: Any,
    work: Work,
) -> None:
    """Fills the gradients by one species' parameters; see :func:`backward`."""
    count, row = rows.count[species], rows.first[species]
    work.above[:count] = gradient[row : row + count]
    layers = shape.layers[species]
    before = shape.widths[species, 1 : layers + 1].sum()
    for layer in range(layers - 1, shape.lowest[species] - 1, -1):
        wide, narrow = shape.widths[species, layer], shape.widths[species, layer + 1]
        before -= narrow
        at = _place(rows, species, before, narrow)
        below = _place(rows, species, before - wide, wide)
        if direction is None:
            _bars(shape.kinds[species, layer], kept, at, count * narrow, work)
        else:
            _bars_along(shape.kinds[species, layer], kept, at, count * narrow, work)
        bars = block(work.bars, 0, count, narrow)
        if shape.trained[species, layer]:
            x = descriptors[row : row + count]
            if layer > 0:
                x = block(kept.values, below, count, wide)
            weights, biases = shape.gradients[species, layer]
            _sum_rows(bars, gradients[biases : biases + narrow])
            _product(x, bars, block(gradients, weights, wide, narrow))
            if direction is not None and count > 0:
                change = direction[row : row + count]
                if layer > 0:
                    change = block(kept.changes, below, count, wide)
                by_change = block(kept.by_argument, at, count, narrow)
                np.dot(change.T, by_change, block(work.product, 0, wide, narrow))
                for i in range(wide * narrow):
                    gradients[weights + i] += work.product[i]
        if layer > shape.lowest[species] and count > 0:
            matrix = _weights(parameters, shape, species, layer)
            _multiply_transposed(bars, matrix, block(work.above, 0, count, wide))


@compiled
def _change(parameters: Any, shape: Shape, rows: Rows, kept: Kept, direction: Any) -> None:
    """Fills ``argument_changes`` and ``changes``."""
    for species in range(len(rows.count)):
        count, row = rows.count[species], rows.first[species]
        if count == 0:
            continue
        x = direction[row : row + count]
        before = 0
        for layer in range(shape.layers[species]):
            width = shape.widths[species, layer + 1]
            at = _place(rows, species, before, width)
            own = slice(at, at + count * width)
            weights = _weights(parameters, shape, species, layer)
            _multiply(x, weights, block(kept.argument_changes, at, count, width))
            times_derivative(
                shape.kinds[species, layer],
                kept.arguments[own],
                kept.values[own],
                kept.argument_changes[own],
                kept.changes[own],
            )
            x = block(kept.changes, at, count, width)
            before += width


@compiled
def _bars(kind: int, kept: Kept, at: int, size: int, work: Work) -> None:
    """Fills the first numbers of ``bars`` with bar z = act' bar y."""
    own = slice(at, at + size)
    above, bars = work.above[:size], work.bars[:size]
    times_derivative(kind, kept.arguments[own], kept.values[own], above, bars)


@compiled
def _bars_along(kind: int, kept: Kept, at: int, size: int, work: Work) -> None:
    """Fills the first numbers of ``bars`` with bar z = act' bar y + act'' z' dE/dy."""
    own = slice(at, at + size)
    z, y, above, bars = kept.arguments[own], kept.values[own], work.above[:size], work.bars[:size]
    second_order(kind, z, y, above, kept.argument_changes[own], kept.by_output[own], bars)


@compiled
def _sum_rows(rows: Any, total: Any) -> None:
    total[:] = 0
    for i in range(len(rows)):
        for j in range(len(total)):
            total[j] += rows[i, j]


@compiled
def _product(left: Any, right: Any, out: Any) -> None:
    """Fills ``out`` with left^T right, which is zero without rows."""
    if len(left):
        np.dot(left.T, right, out)
    else:
        out[:] = 0
