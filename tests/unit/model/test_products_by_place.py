"""Where in memory matrices lie changes no bit of their product: PyTorch's is asked for that."""

import numpy as np
import pytest
import torch

import panna_exp  # sets what MKL reads at its first product


def moved(values, places):
    """Returns the values that many numbers after a multiple of 64 bytes."""
    room = np.empty(values.size + 64, values.dtype)
    first = -(room.ctypes.data // values.itemsize) % (64 // values.itemsize)
    found = room[first + places :][: values.size].reshape(values.shape)
    found[...] = values
    return torch.from_numpy(found)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [1, 8, 33])
@pytest.mark.parametrize("rows", [1, 9, 200])
def test_products(rows, columns, dtype):
    assert panna_exp.__version__
    random = np.random.default_rng(0)
    one = random.normal(size=(rows, 128)).astype(dtype)
    other = random.normal(size=(128, columns)).astype(dtype)

    def products(places):
        left, right = moved(one, places), moved(other, 2 * places)
        linear = torch.nn.functional.linear(left, moved(np.ascontiguousarray(other.T), places))
        return left @ right, linear, moved(np.ascontiguousarray(one.T), places).t() @ right

    expected = products(0)
    for places in (1, 4, 5):
        for found, value in zip(products(places), expected, strict=True):
            assert torch.equal(found, value)
