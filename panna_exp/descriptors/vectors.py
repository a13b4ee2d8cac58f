"""Operations on a few neighbouring numbers at once, for compiled loops.

A loop of eight turns is too short for the compiler to make vector instructions of it, since it must
assume that arrays overlap. These say what is meant: ``size`` numbers, known when compiling, as one
vector. Arrays are flat and contiguous.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic(prefer_literal=True)
def add_scaled(  # type: ignore[no-untyped-def]
    _, out: Any, at: Any, scale: Any, values: Any, start: Any, size: Any
) -> Any:
    """Adds scale * values[start : start + size] to out[at : at + size]."""
    count = size.literal_value

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = _pointer(context, builder, signature.args[0], arguments[0], arguments[1], count)
        source = _pointer(context, builder, signature.args[3], arguments[3], arguments[4], count)
        scale = _splat(builder, arguments[2], count)
        total = _fused(builder, scale, _load(builder, source), _load(builder, target))
        _store(builder, total, target)
        return context.get_dummy_value()

    return types.void(out, types.intp, out.dtype, values, types.intp, size), code


@intrinsic(prefer_literal=True)
def dot(_, one: Any, at: Any, other: Any, start: Any, size: Any) -> Any:  # type: ignore[no-untyped-def]
    """Returns the sum of one[at : at + size] * other[start : start + size]."""
    count = size.literal_value

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first = _pointer(context, builder, signature.args[0], arguments[0], arguments[1], count)
        second = _pointer(context, builder, signature.args[2], arguments[2], arguments[3], count)
        product = builder.fmul(_load(builder, first), _load(builder, second))
        return _sum(builder, product, count)

    return one.dtype(one, types.intp, other, types.intp, size), code


@intrinsic(prefer_literal=True)
def weighted_sums(  # type: ignore[no-untyped-def]
    _, rows: Any, at: Any, scales: Any, tilts: Any, begin: Any, one: Any, other: Any, start: Any,
    count: Any, size: Any,
) -> Any:  # fmt: skip
    """Returns three sums over ``count`` rows r and ``size`` columns q of a block of numbers.

    With w_rq = rows[at + r size + q]: those of scales_r w_rq one_q, tilts_r w_rq one_q and
    scales_r w_rq other_q; ``scales`` and ``tilts`` from ``begin`` on, ``one`` and ``other`` from
    ``start`` on.
    """
    number, width = count.literal_value, size.literal_value
    result = types.UniTuple(rows.dtype, 3)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def vector(position: int, index: Any) -> Any:
            kind, array = signature.args[position], arguments[position]
            return _load(builder, _pointer(context, builder, kind, array, index, width))

        def scalar(position: int, index: int) -> Any:
            kind, array = signature.args[position], arguments[position]
            data = context.make_array(kind)(context, builder, array).data
            offset = builder.add(arguments[4], ir.Constant(ir.IntType(64), index))
            place = builder.gep(data, [offset])
            return _splat(builder, builder.load(place), width)

        sums: list[Any] = [None, None]
        for row in range(number):
            index = builder.add(arguments[1], ir.Constant(ir.IntType(64), row * width))
            values = vector(0, index)
            for which, position in enumerate((2, 3)):
                scale, before = scalar(position, row), sums[which]
                sums[which] = (
                    builder.fmul(scale, values)
                    if before is None
                    else _fused(builder, scale, values, before)
                )
        first, second = vector(5, arguments[7]), vector(6, arguments[7])
        products = ((sums[0], first), (sums[1], first), (sums[0], second))
        found = [_sum(builder, builder.fmul(*pair), width) for pair in products]
        return context.make_tuple(builder, result, found)

    index = types.intp
    arguments = (rows, index, scales, tilts, index, one, other, index, count, size)
    return result(*arguments), code


def _fused(builder: Any, one: Any, other: Any, addend: Any) -> Any:
    """Returns one other + addend of vectors, rounded once."""
    kind = one.type
    name = f"llvm.fma.v{kind.count}f{32 if kind.element == ir.FloatType() else 64}"
    found = builder.module.globals.get(name)
    fused = found or ir.Function(builder.module, ir.FunctionType(kind, [kind] * 3), name)
    return builder.call(fused, [one, other, addend])


def _sum(builder: Any, vector: Any, count: int) -> Any:
    """Adds the upper half to the lower one until one number is left: always in this order."""
    while count > 1:
        half = (count + 1) // 2
        nothing = ir.Constant(vector.type, [-0.0] * count)
        lower, upper = (
            _places(builder, vector, nothing, range(first, first + half)) for first in (0, half)
        )
        vector, count = builder.fadd(lower, upper), half
    return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))


def _places(builder: Any, one: Any, other: Any, places: Any) -> Any:
    kind = ir.VectorType(ir.IntType(32), len(places))
    return builder.shuffle_vector(one, other, ir.Constant(kind, list(places)))


def _pointer(
    context: Any, builder: Any, kind: Any, array: Any, index: Any, count: int
) -> tuple[Any, int]:
    data = context.make_array(kind)(context, builder, array).data
    element = context.get_data_type(kind.dtype)
    place = builder.gep(data, [index])
    width = 4 if element == ir.FloatType() else 8
    return builder.bitcast(place, ir.VectorType(element, count).as_pointer()), width


def _load(builder: Any, place: tuple[Any, int]) -> Any:
    return builder.load(place[0], align=place[1])


def _store(builder: Any, value: Any, place: tuple[Any, int]) -> None:
    builder.store(value, place[0], align=place[1])


def _splat(builder: Any, scalar: Any, count: int) -> Any:
    vector = ir.VectorType(scalar.type, count)
    first = builder.insert_element(
        ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0)
    )
    mask = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), mask)
