"""Initial weights, seeded: PANNA 2.x's normal distribution or 1.x's uniform one."""

import math

import numpy as np
from numpy.typing import NDArray


class LayerInitializer:
    """Draws new layers one after the other from one seeded stream.

    Args:
        seed: Seed of the stream.
        beside: What else the numbers are to depend on, e.g. a digest of saved layers that new ones
            stand beside: they are never those that these once began with.
        panna_version: 2: weights normal(0, sqrt(2 / (fan_in + fan_out))); 1: uniform in
            +-1/fan_out. Biases are zero in both.
        dtype: float32 or float64 of the arrays returned.
    """

    def __init__(
        self, seed: int, panna_version: int, dtype: np.dtype, beside: tuple[int, ...] = ()
    ) -> None:
        self._random = np.random.default_rng(np.random.SeedSequence([seed, 0x77, *beside]))
        self._panna_version = panna_version
        self.dtype = dtype

    def draw(self, fan_in: int, fan_out: int) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Returns weights [fan_in, fan_out] and biases [fan_out]."""
        shape = (fan_in, fan_out)
        if self._panna_version == 1:
            weights = self._random.uniform(-1 / fan_out, 1 / fan_out, shape)
        else:
            weights = self._random.normal(0.0, math.sqrt(2 / (fan_in + fan_out)), shape)
        return weights.astype(self.dtype), np.zeros(fan_out, dtype=self.dtype)
