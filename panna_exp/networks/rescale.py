"""Networks that learned rescaled energies (``energy_rescale``), and the same in eV.

What is exported gives eV, since PANNA, LAMMPS and every reader of a folder take it so: the last
layer is divided by the factor. The factor stays in our metadata, so that a training that rescales
can undo it.
"""

from dataclasses import replace

import numpy as np

from panna_exp.errors import NetworkError
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.networks.network_set import NetworkSet


def in_ev(networks: NetworkSet, factor: float) -> NetworkSet:
    """Returns networks that learned ``factor`` times the energies as networks of the energies.

    Raises:
        NetworkError: A last layer is not linear, so that no weights of it give the same in eV.
    """
    if factor == 1.0:
        return networks
    found = {
        symbol: _scaled(net, 1.0 / factor, factor) for symbol, net in networks.networks.items()
    }
    return replace(networks, networks=found, energy_rescale=factor)


def learning(networks: NetworkSet, factor: float) -> NetworkSet:
    """Returns networks in eV as networks of ``factor`` times the energies.

    Raises:
        NetworkError: A last layer is not linear.
    """
    found = {symbol: _scaled(net, factor, factor) for symbol, net in networks.networks.items()}
    return replace(networks, networks=found, energy_rescale=None)


def _scaled(network: NetworkData, by: float, factor: float) -> NetworkData:
    last = network.layers[-1]
    if last.activation is not Activation.linear:
        raise NetworkError(
            f"{network.symbol}: training.energy_rescale={factor:g} cannot be taken out of (or put "
            f"into) the last layer, since it is {last.activation.name} and not linear: evaluate "
            "the run itself (run_dir=...), or train with a linear last layer or energy_rescale=1"
        )
    # Multiplied in float64, so that the result is rounded once.
    scaled = LayerData(
        (last.weights.astype(np.float64) * by).astype(last.weights.dtype),
        (last.biases.astype(np.float64) * by).astype(last.biases.dtype),
        last.activation,
    )
    return replace(network, layers=(*network.layers[:-1], scaled))
