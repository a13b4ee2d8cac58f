"""What all loops have in common that numba compiles: how they are compiled, and exp."""

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

# Neither infinities nor NaN are assumed away: what is not finite must stay so.
_FAST = {"contract", "reassoc", "nsz", "arcp"}


def _can_be_kept() -> bool:
    """Whether there is a folder for what was compiled: beside the package, or the user's own."""
    try:
        njit(cache=True)(_can_be_kept)
    except RuntimeError:
        return False
    return True


OPTIONS: dict[str, Any] = {
    "cache": _can_be_kept(),
    "nogil": True,
    "fastmath": _FAST,
    "error_model": "numpy",
}

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
            y = (x - f * np.float32(_LN2_HIGH)) - f * np.float32(_LN2_LOW)
            p = np.float32(_C[7])
            p = p * y + np.float32(_C[6])
            p = p * y + np.float32(_C[5])
            p = p * y + np.float32(_C[4])
            p = p * y + np.float32(_C[3])
            p = p * y + np.float32(_C[2])
            p = p * y + np.float32(1.0)
            p = p * y + np.float32(1.0)
            return p * np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)

        return single

    def double(x: Any) -> Any:
        n = np.int64(x * _LOG2E - 0.5)
        f = np.float64(n)
        y = (x - f * _LN2_HIGH) - f * _LN2_LOW
        p = _C[13]
        p = p * y + _C[12]
        p = p * y + _C[11]
        p = p * y + _C[10]
        p = p * y + _C[9]
        p = p * y + _C[8]
        p = p * y + _C[7]
        p = p * y + _C[6]
        p = p * y + _C[5]
        p = p * y + _C[4]
        p = p * y + _C[3]
        p = p * y + _C[2]
        p = p * y + 1.0
        p = p * y + 1.0
        return p * np.int64((n + np.int64(1023)) << np.int64(52)).view(np.float64)

    return double
