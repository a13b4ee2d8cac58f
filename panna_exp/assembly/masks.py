"""Which weights of a training are pruned, in PANNA's keywords.

A prunable layer loses the part ``sparsity`` of its weights: the smallest in magnitude of
``pruning_weights`` (those that ``starting_masks`` prunes count as smallest), without such a folder
the ones that ``starting_masks`` prunes, and without either a random choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.config.schema import NetworkConfig
from panna_exp.config.species import SpeciesSpec, parse_network
from panna_exp.errors import ConfigError, NetworkError
from panna_exp.networks.formats import read_networks
from panna_exp.networks.layers import LayerData, NetworkData
from panna_exp.networks.masks import read_mask

Mask = NDArray[np.bool_]

KEYS = ("prunable", "sparsity", "starting_masks", "pruning_weights")
_TOLERANCE = 0.02  # PANNA's, between the sparsity of a saved mask and the one asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSource:
    """What masks are made from.

    Args:
        config: Validated network options.
        seed: Of random masks.
        base: Folder that relative paths start from.
    """

    config: NetworkConfig
    seed: int
    base: Path


def build_masks(source: MaskSource, networks: tuple[NetworkData, ...]) -> dict[str, Mask]:
    """Returns masks by parameter name (``H.0.weights``), true where a weight is kept.

    Args:
        source: Options.
        networks: The networks to prune, one per species.

    Raises:
        ConfigError: A list of another length than there are layers.
        NetworkError: Folders or masks that are missing or do not fit.
    """
    symbols = tuple(network.symbol for network in networks)
    default, overrides = parse_network(source.config, symbols)
    masks: dict[str, Mask] = {}
    for network in networks:
        spec = overrides.get(network.symbol, default).over(default)
        for index, sparsity in _sparsities(spec, network).items():
            name = f"{network.symbol}.{index}.weights"
            masks[name] = _mask(source, spec, network, index, sparsity)
    return masks


def pruned(networks: tuple[NetworkData, ...], masks: Mapping[str, Mask]) -> tuple[NetworkData, ...]:
    """Returns the networks with zeros where masks say so."""
    return tuple(
        NetworkData(
            symbol=network.symbol,
            layers=tuple(
                _pruned_layer(layer, masks.get(f"{network.symbol}.{index}.weights"))
                for index, layer in enumerate(network.layers)
            ),
            offset=network.offset,
            trainable=network.trainable,
        )
        for network in networks
    )


def same_settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two configurations, by dotted key, prune alike."""

    def chosen(config: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: value
            for key, value in config.items()
            if key.startswith("network.") and key.rpartition(".")[2] in KEYS and value is not None
        }

    return chosen(old) == chosen(new)


def _pruned_layer(layer: LayerData, mask: Mask | None) -> LayerData:
    if mask is None:
        return layer
    weights = np.where(mask, layer.weights, layer.weights.dtype.type(0))
    return LayerData(weights=weights, biases=layer.biases, activation=layer.activation)


def _sparsities(spec: SpeciesSpec, network: NetworkData) -> dict[int, float]:
    """The sparsity of each prunable layer, by its number."""
    if spec.prunable is None:
        return {}
    layers = len(network.layers)
    if len(spec.prunable) != layers:
        raise ConfigError(
            f"{spec.key}.prunable has {len(spec.prunable)} values, but the network of "
            f"{network.symbol} has {layers} layers"
        )
    chosen = [index for index, flag in enumerate(spec.prunable) if flag]
    values = spec.sparsity or (0.0,)
    if len(values) == 1:
        return dict.fromkeys(chosen, values[0])
    if len(values) != len(chosen):
        raise ConfigError(
            f"{spec.key}.sparsity has {len(values)} values, but {len(chosen)} layers are prunable: "
            "give one for all, or one per prunable layer"
        )
    return dict(zip(chosen, values, strict=True))


def _mask(
    source: MaskSource, spec: SpeciesSpec, network: NetworkData, index: int, sparsity: float
) -> Mask:
    shape = network.layers[index].weights.shape
    where = f"{network.symbol}, layer {index}"
    start = None
    if spec.starting_masks is not None:
        start = read_mask(source.base / spec.starting_masks, network.symbol, index, shape)
    if spec.pruning_weights is not None:
        folder = source.base / spec.pruning_weights
        return _by_magnitude(_weights(folder, network.symbol, index, shape), start, sparsity)
    if start is not None:
        found = 1 - float(start.mean())
        if abs(found - sparsity) > _TOLERANCE:
            raise NetworkError(
                f"{where}: the mask in {spec.starting_masks} has the sparsity {found:.3f}, but "
                f"{spec.key}.sparsity is {sparsity:g}: give that one, or pruning_weights to prune "
                "further by magnitude"
            )
        return start
    # One stream per layer, so that the masks of others do not depend on it.
    label = sum(ord(letter) << (8 * place) for place, letter in enumerate(network.symbol))
    random = np.random.default_rng([source.seed, label, index])
    drawn: Mask = random.random(shape) >= sparsity
    return drawn


def _by_magnitude(weights: NDArray[Any], start: Mask | None, sparsity: float) -> Mask:
    """Prunes the smallest; of equal ones, the first."""
    size = np.abs(weights)
    if start is not None:
        size = np.where(start, size, -1.0)
    order = np.argsort(size, axis=None, kind="stable")
    kept = np.ones(size.size, dtype=bool)
    kept[order[: int(sparsity * size.size)]] = False
    mask = kept.reshape(size.shape)
    return mask if start is None else mask & start


def _weights(folder: Path, symbol: str, index: int, shape: tuple[int, ...]) -> NDArray[Any]:
    networks = read_networks(folder).networks
    layers = networks[symbol].layers if symbol in networks else ()
    found = layers[index].weights.shape if index < len(layers) else None
    if found != shape:
        state = "does not exist" if found is None else f"has the shape {found}"
        raise NetworkError(
            f"{symbol}, layer {index}: the layer in {folder} {state}, but {shape} is needed to "
            "prune by its weights"
        )
    weights: NDArray[Any] = layers[index].weights
    return weights
