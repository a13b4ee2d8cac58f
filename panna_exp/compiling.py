"""What all loops have in common that numba compiles: how they are compiled, fma and exp.

Each operation is rounded as it is written, in the order in which it is written. If the compiler
were free to fuse and to reorder (fastmath), it would do so in one way in the part of a loop that it
turns into vector instructions and in another in what remains; an item's last bits would then depend
on what is worked on beside it, and a resumed run would not end where the one that never stopped
does. Where fusing a product and a sum is worth it, :func:`fma` says so: the same everywhere.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic, overload

from panna_exp.loop_cache import cache_of

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}

# Decorators of functions that become part of those that call them: of their code as numba reads it,
# and of what it compiles.
inlined = njit(inline="always", **_OPTIONS)
part = njit(**_OPTIONS)


def compiled(function: Callable[..., Any]) -> Any:
    """Has numba compile a function at its first call, and keeps the result where that is possible.

    Used as a decorator.
    """
    dispatcher = njit(**_OPTIONS)(function)
    dispatcher._cache = cache_of(function)
    return dispatcher


@intrinsic
def fma(_, x: Any, y: Any, z: Any) -> Any:  # type: ignore[no-untyped-def]
    """Returns x y + z, rounded once, in the precision of x, which is a float."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return x(x, x, x), code


_LOG2E = 1.4426950408889634
_LN2_HIGH = 0.693145751953125
_LN2_LOW = 1.42860682030941723212e-6
# exp(x) by Taylor's series of the remainder after powers of two, |x| <= ln(2) / 2.
_C = tuple(1.0 / math.factorial(n) for n in range(14))


def exp_of(x: Any) -> Any:
    """Returns exp of a number that is not far from 0 or negative; vectorises, unlike libm's."""


@overload(exp_of, inline="always")
def _compiled_exp(x: Any) -> Any:
    if x == types.float32:

        def single(x: Any) -> Any:
            n = np.int32(x * np.float32(_LOG2E) - np.float32(0.5))
            f = np.float32(n)
            y = fma(-f, np.float32(_LN2_LOW), fma(-f, np.float32(_LN2_HIGH), x))
            p = np.float32(_C[7])
            p = fma(p, y, np.float32(_C[6]))
            p = fma(p, y, np.float32(_C[5]))
            p = fma(p, y, np.float32(_C[4]))
            p = fma(p, y, np.float32(_C[3]))
            p = fma(p, y, np.float32(_C[2]))
            p = fma(p, y, np.float32(1.0))
            p = fma(p, y, np.float32(1.0))
            return p * np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)

        return single

    def double(x: Any) -> Any:
        n = np.int64(x * _LOG2E - 0.5)
        f = np.float64(n)
        y = fma(-f, _LN2_LOW, fma(-f, _LN2_HIGH, x))
        p = _C[13]
        p = fma(p, y, _C[12])
        p = fma(p, y, _C[11])
        p = fma(p, y, _C[10])
        p = fma(p, y, _C[9])
        p = fma(p, y, _C[8])
        p = fma(p, y, _C[7])
        p = fma(p, y, _C[6])
        p = fma(p, y, _C[5])
        p = fma(p, y, _C[4])
        p = fma(p, y, _C[3])
        p = fma(p, y, _C[2])
        p = fma(p, y, 1.0)
        p = fma(p, y, 1.0)
        return p * np.int64((n + np.int64(1023)) << np.int64(52)).view(np.float64)

    return double
