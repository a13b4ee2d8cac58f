"""The moving average of the weights."""

import numpy as np
import torch

from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.training.average import MovingAverage
from panna_exp.training.flat import FlatParameters


def make():
    layer = LayerData(np.array([[1.0], [2.0]]), np.array([3.0]), Activation.linear)
    network = NetworkData(symbol="H", layers=(layer,), offset=0.0)
    networks = SpeciesNetworks([network], torch.float64)
    return networks, FlatParameters(networks)


def test_it_is_the_recurrence():
    _, parameters = make()
    average = MovingAverage(parameters, 0.25)
    expected = parameters.values.clone()
    for number in range(1, 6):
        parameters.values.add_(number)
        average.update(number)
        decay = min(0.25, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * parameters.values
    torch.testing.assert_close(average.values, expected)
    assert not torch.equal(average.values, parameters.values)


def test_networks_have_it_for_a_while():
    networks, parameters = make()
    average = MovingAverage(parameters, 0.9)
    parameters.values.add_(1)
    with average.in_use():
        assert networks.to_data()[0].layers[0].weights.tolist() == [[1.0], [2.0]]
    assert networks.to_data()[0].layers[0].weights.tolist() == [[2.0], [3.0]]
