"""Networks whose passes are compiled loops."""

import pytest

from panna_exp.model.loop_networks import LoopNetworks
from panna_exp.training.flat import FlatParameters


@pytest.fixture
def use_loops():
    def use(networks):
        flat = FlatParameters(networks)
        flat.gradients.fill_(float("nan"))  # all of them have to be written
        networks.loops = LoopNetworks(networks, flat.values, flat.gradients)
        return flat

    return use
