"""Builds each species' network: new layers, layers of a weights folder, layers from files."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from panna_exp.assembly.trainable import layers_frozen_as_saved, loads_first_layer, with_saved_flags
from panna_exp.config.schema import NetworkConfig, Precision
from panna_exp.config.species import SpeciesSpec, parse_network
from panna_exp.elements import Species
from panna_exp.errors import ConfigError, NetworkError
from panna_exp.model.initial import LayerInitializer
from panna_exp.networks.layers import LayerData, NetworkData
from panna_exp.networks.network_set import NetworkSet
from panna_exp.networks.panna import read_array, read_panna
from panna_exp.networks.rescale import learning

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSource:
    """What new networks are made from.

    Args:
        config: Validated network options.
        species: The species list.
        offsets: Reference energy of each species (eV).
        feature_size: D.
        seed: Of new weights.
        panna_version: Their distribution.
        precision: float32 or float64.
        base: Folder that relative paths start from.
        energy_rescale: Factor on the energies that they are to learn.
        check_descriptor: Asked about saved networks whose first layer is loaded.
        restart: Of a training that starts again: new weights are others than before.
    """

    config: NetworkConfig
    species: Species
    offsets: tuple[float, ...]
    feature_size: int
    seed: int
    panna_version: int
    precision: Precision
    base: Path
    energy_rescale: float = 1.0
    check_descriptor: Callable[[NetworkSet], None] | None = None
    restart: int = 0


def build_networks(source: NetworkSource) -> tuple[NetworkData, ...]:
    """Returns one network per species.

    Raises:
        ConfigError: Lists that do not fit, species missing from the metadata.
        NetworkError: Files that are missing, or layers of other shapes.
    """
    default, overrides = parse_network(source.config, source.species.symbols)
    folder = source.config.networks_metadata
    saved = None if folder is None else _read_saved(source, folder)
    dtype = np.dtype(source.precision.value)
    beside: tuple[int, ...] = () if saved is None else (_digest(saved),)
    beside += (source.restart,) if source.restart else ()
    initializer = LayerInitializer(source.seed, source.panna_version, dtype, beside)
    networks = []
    frozen = {}
    for symbol, offset in zip(source.species, source.offsets, strict=True):
        own = overrides.get(symbol, replace(default, behavior=None, layer_files={}))
        spec, loaded = _resolve(own, default, saved, symbol, source)
        if saved is not None and loaded is not None:
            if symbol not in overrides or own.trainable is None:
                spec = with_saved_flags(spec, loaded, saved, source.panna_version)
                frozen[symbol] = layers_frozen_as_saved(spec, loaded)
            fits = loads_first_layer(spec) and saved.feature_size == source.feature_size
            if fits and source.check_descriptor is not None:
                source.check_descriptor(saved)
        networks.append(_network(symbol, offset, spec, loaded, source, initializer))
    if any(frozen.values()):
        logger.info(
            "not trained, as %s says: %s (network.species.SYMBOL.trainable decides otherwise)",
            folder,
            "; ".join(f"{symbol}, {layers}" for symbol, layers in frozen.items() if layers),
        )
    return tuple(networks)


def _digest(saved: NetworkSet) -> int:
    """A number that saved networks alone make.

    Without it a restart with the same seed would draw for its new layers what the saved ones once
    began with.
    """
    content = hashlib.sha256()
    for symbol in sorted(saved.networks):
        content.update(symbol.encode())
        for layer in saved.networks[symbol].layers:
            content.update(np.ascontiguousarray(layer.weights, dtype="<f8").tobytes())
            content.update(np.ascontiguousarray(layer.biases, dtype="<f8").tobytes())
    return int.from_bytes(content.digest(), "big")


def _read_saved(source: NetworkSource, folder: str) -> NetworkSet:
    """The folder's networks; in what the training learns, where they say that they are in eV."""
    saved = read_panna(source.base / Path(folder).expanduser())
    if source.energy_rescale == 1.0:
        return saved
    if saved.energy_rescale is None:
        logger.warning(
            "%s: does not say whether energy_rescale was taken out of its networks: loaded as they "
            "stand, as PANNA does, into a training of energies times %g",
            saved.source,
            source.energy_rescale,
        )
        return saved
    return learning(saved, source.energy_rescale)


def _resolve(
    own: SpeciesSpec,
    default: SpeciesSpec,
    saved: NetworkSet | None,
    symbol: str,
    source: NetworkSource,
) -> tuple[SpeciesSpec, NetworkData | None]:
    """Returns the complete spec of a species and the saved network it may load layers from."""
    if saved is None:
        return own.over(_inherited(default, own, default.architecture, source)).completed(), None
    loaded = saved.networks.get(symbol)
    if loaded is None:
        if not source.config.allow_new_species and set(own.behavior or ("load",)) != {"new"}:
            raise ConfigError(
                f"{symbol}: {saved.source} has no network for it (it has "
                f"{', '.join(saved.species)}): network.species.{symbol}.behavior with 'new' for "
                "each layer starts it new, network.allow_new_species=true all such species"
            )
        base = _inherited(default, own, default.architecture, source)
        return own.over(replace(base, behavior=None)).completed(), None
    if own.key == "network":  # no section of its own: the metadata's sizes, the default's flags
        own = replace(own, architecture=None, activations=None)
    sizes = tuple(layer.n_out for layer in loaded.layers)
    from_saved = SpeciesSpec(key=own.key, architecture=sizes)
    spec = own.over(from_saved)
    if spec.architecture == sizes:
        spec = spec.over(
            replace(from_saved, activations=tuple(layer.activation for layer in loaded.layers))
        )
    base = _inherited(default, own, sizes, source)
    return spec.over(_fitting(base, spec)).completed(), loaded


def _inherited(
    default: SpeciesSpec, own: SpeciesSpec, sizes: tuple[int, ...] | None, source: NetworkSource
) -> SpeciesSpec:
    """What a species takes from the default network.

    In PANNA 1.x a species with layer sizes of its own takes neither activations nor flags.
    """
    if source.panna_version == 2 or own.architecture in (None, sizes):
        return default
    return replace(default, activations=None, trainable=None)


def _fitting(default: SpeciesSpec, spec: SpeciesSpec) -> SpeciesSpec:
    """The default's lists, less those of another length."""
    layers = len(spec.architecture or ())
    lists = {
        name: value
        for name in ("activations", "trainable", "behavior")
        if (value := getattr(default, name)) is not None and len(value) == layers
    }
    return SpeciesSpec(key=default.key, layer_files=default.layer_files, **lists)


def _network(
    symbol: str,
    offset: float,
    spec: SpeciesSpec,
    loaded: NetworkData | None,
    source: NetworkSource,
    initializer: LayerInitializer,
) -> NetworkData:
    assert spec.architecture is not None
    assert spec.activations is not None
    assert spec.trainable is not None
    layers = []
    fan_in = source.feature_size
    behavior = spec.behavior or (("new" if loaded is None else "load",) * len(spec.architecture))
    for index, fan_out in enumerate(spec.architecture):
        # Drawn even where it is not used: other layers' weights then do not depend on it.
        weights, biases = initializer.draw(fan_in, fan_out)
        if index in spec.layer_files:
            weights, biases = _from_files(spec.layer_files[index], (fan_in, fan_out), source)
        elif behavior[index] in ("load", "keep"):
            weights, biases = _from_saved(symbol, index, (fan_in, fan_out), loaded)
        layers.append(
            LayerData(
                weights=weights.astype(initializer.dtype),
                biases=biases.astype(initializer.dtype),
                activation=spec.activations[index],
            )
        )
        fan_in = fan_out
    return NetworkData(symbol=symbol, layers=tuple(layers), offset=offset, trainable=spec.trainable)


def _from_saved(
    symbol: str, index: int, shape: tuple[int, int], loaded: NetworkData | None
) -> tuple[np.ndarray, np.ndarray]:
    if loaded is None:
        raise ConfigError(
            f"network.species.{symbol}.behavior: layer {index} is to be loaded, but there is no "
            "saved network for it (network.networks_metadata)"
        )
    found = loaded.layers[index].weights.shape if index < len(loaded.layers) else None
    if found != shape:
        state = f"has the shape {found}" if found else f"does not exist ({len(loaded.layers)} do)"
        raise NetworkError(
            f"{symbol}, layer {index}: the saved layer {state}, but {shape} is needed: give "
            f"network.species.{symbol}.behavior 'new' for it, or the saved sizes"
        )
    return loaded.layers[index].weights, loaded.layers[index].biases


def _from_files(
    files: tuple[str, str], shape: tuple[int, int], source: NetworkSource
) -> tuple[np.ndarray, np.ndarray]:
    weights, biases = (source.base / Path(name).expanduser() for name in files)
    return (
        read_array(weights, shape, "weights"),
        read_array(biases, shape[1:], "biases"),
    )


def incompatible(old: Mapping[str, NetworkData], new: Mapping[str, NetworkData]) -> list[str]:
    """Returns what differs between networks that a restart cannot change, with both values."""
    if tuple(old) != tuple(new):
        return [f"data.species: {list(old)} in the checkpoint, {list(new)} now"]
    problems = []
    for symbol, network in new.items():
        for name, describe in (("architecture", _sizes), ("activations", _activations)):
            before, now = describe(old[symbol]), describe(network)
            if before != now:
                problems.append(f"{symbol} {name}: {before} in the checkpoint, {now} now")
    return problems


def _sizes(network: NetworkData) -> list[int]:
    return [network.feature_size, *(layer.n_out for layer in network.layers)]


def _activations(network: NetworkData) -> list[str]:
    return [layer.activation.name for layer in network.layers]
