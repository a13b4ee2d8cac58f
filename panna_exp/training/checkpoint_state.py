"""Networks and ranges of a checkpoint as tensors and plain values, and what a whole one has."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from panna_exp.data.ranges import Ranges
from panna_exp.descriptors.repulsion import Repulsion
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.networks.standardization import Standardization

_NUMBER = (int, float)
# What must be there, with its type; what is there besides may be missing in older checkpoints.
_REQUIRED: dict[str, type | tuple[type, ...]] = {
    "position": dict,
    "steps_per_epoch": int,
    "networks": list,
    "descriptor": dict,
    "energy_rescale": _NUMBER,
    "optimizer": dict,
    "epoch_sums": Tensor,
    "interval_sums": Tensor,
    "stream": dict,
    "config": dict,
    "threads": int,
    "versions": dict,
    "train": dict,
    "validation": dict,
}
_OPTIONAL: dict[str, type | tuple[type, ...]] = {
    "masks": dict,
    "ranges": (dict, type(None)),
    "averaged": list,
    "watch": dict,
    "execution": str,
}
_OPTIMIZER = {"updates": int, "first_moment": dict, "second_moment": dict}
_NETWORK = {"symbol": str, "offset": _NUMBER, "trainable": list, "layers": list}
_LAYER = {"weights": Tensor, "biases": Tensor, "activation": int}


def check_state(state: Mapping[str, Any]) -> None:
    """Raises ValueError that names what is missing in a checkpoint, or of another type."""
    _check(state, _REQUIRED, "")
    _check(state, {key: kind for key, kind in _OPTIONAL.items() if key in state}, "")
    _check(state["descriptor"], {"type": str}, "descriptor.")
    _check(state["optimizer"], _OPTIMIZER, "optimizer.")
    if state["steps_per_epoch"] < 1 or not state["networks"]:
        raise ValueError("it has no steps per epoch, or no networks")
    for kind in ("networks", "averaged"):
        for index, network in enumerate(state.get(kind, ())):
            _check(network, _NETWORK, f"{kind}[{index}].")
            for layer in network["layers"]:
                _check(layer, _LAYER, f"{kind}[{index}].layers.")


def _check(values: Any, kinds: Mapping[str, Any], where: str) -> None:
    if not isinstance(values, Mapping):
        raise ValueError(f"{where.rstrip('.')} is {type(values).__name__}, expected names")
    for key, kind in kinds.items():
        if key not in values:
            raise ValueError(f"{where}{key} is missing")
        if not isinstance(values[key], kind):
            raise ValueError(f"{where}{key} is {type(values[key]).__name__}")


def pack_network(network: NetworkData) -> dict[str, Any]:
    """Returns a network as tensors and plain values."""
    return {
        "symbol": network.symbol,
        "offset": float(network.offset),
        "trainable": list(network.trainable),
        "layers": [
            {
                "weights": torch.from_numpy(np.array(layer.weights)),
                "biases": torch.from_numpy(np.array(layer.biases)),
                "activation": int(layer.activation),
            }
            for layer in network.layers
        ],
    }


def unpack_network(state: dict[str, Any]) -> NetworkData:
    """Returns the network that :func:`pack_network` packed."""
    return NetworkData(
        symbol=state["symbol"],
        offset=state["offset"],
        trainable=tuple(state["trainable"]),
        layers=tuple(
            LayerData(
                weights=layer["weights"].numpy(),
                biases=layer["biases"].numpy(),
                activation=Activation(layer["activation"]),
            )
            for layer in state["layers"]
        ),
    )


def pack_repulsion(found: Repulsion | None) -> dict[str, Any] | None:
    """Returns a repulsion as tensors and plain values."""
    if found is None:
        return None
    return {"symbols": list(found.symbols), "outer": torch.from_numpy(found.outer)}


def unpack_repulsion(state: dict[str, Any] | None) -> Repulsion | None:
    """Returns the repulsion that :func:`pack_repulsion` packed."""
    return None if state is None else Repulsion(tuple(state["symbols"]), state["outer"].numpy())


def pack_standardization(found: Standardization | None) -> dict[str, Tensor] | None:
    """Returns a standardisation as tensors."""
    if found is None:
        return None
    return {"mean": torch.from_numpy(found.mean), "inverse": torch.from_numpy(found.inverse)}


def unpack_standardization(state: dict[str, Tensor] | None) -> Standardization | None:
    """Returns the standardisation that :func:`pack_standardization` packed."""
    return (
        None if state is None else Standardization(state["mean"].numpy(), state["inverse"].numpy())
    )


def pack_ranges(ranges: Ranges | None) -> dict[str, Tensor] | None:
    """Returns ranges as tensors."""
    if ranges is None:
        return None
    return {name: torch.from_numpy(getattr(ranges, name)) for name in Ranges.__slots__}


def unpack_ranges(state: dict[str, Tensor] | None) -> Ranges | None:
    """Returns the ranges that :func:`pack_ranges` packed."""
    return None if state is None else Ranges(**{name: state[name].numpy() for name in state})
