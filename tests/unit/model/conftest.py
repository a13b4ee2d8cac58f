"""Engines that train networks, by name."""

import pytest

from panna_exp.model.numba_engine import NumbaEngine
from panna_exp.model.torch_engine import TorchEngine
from panna_exp.training.flat import FlatParameters


@pytest.fixture
def make_engine():
    """Returns an engine, and the parameters whose gradients it has to write, all of them."""

    def make(name, networks):
        flat = FlatParameters(networks)
        flat.gradients.fill_(float("nan"))
        if name == "torch":
            return TorchEngine(networks), flat
        return NumbaEngine(networks, flat.buffer, flat.gradients), flat

    return make
