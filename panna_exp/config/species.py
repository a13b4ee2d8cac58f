"""Species overrides: the default network and its differences by symbol, parsed once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from panna_exp.config.lists import parse_activations, parse_behavior, parse_flags, parse_sizes
from panna_exp.config.schema import NetworkConfig, SpeciesConfig
from panna_exp.errors import ConfigError, closest
from panna_exp.networks.layers import Activation

_PRUNING = ("prunable", "sparsity", "starting_masks", "pruning_weights")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesSpec:
    """What the configuration says about one network; None where it says nothing.

    Args:
        key: Where it stands, for messages: ``network`` or ``network.species.H``.
        architecture: Layer sizes, hidden and output.
        activations: One per layer.
        trainable: One per layer.
        behavior: ``load``, ``new`` or ``keep``, one per layer.
        layer_files: Weights and biases files by layer index.
        prunable: One per layer.
        sparsity: One for all prunable layers, or one each.
        starting_masks: Folder with masks.
        pruning_weights: Folder with the weights to prune by.
    """

    key: str
    architecture: tuple[int, ...] | None = None
    activations: tuple[Activation, ...] | None = None
    trainable: tuple[bool, ...] | None = None
    behavior: tuple[str, ...] | None = None
    layer_files: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    prunable: tuple[bool, ...] | None = None
    sparsity: tuple[float, ...] | None = None
    starting_masks: str | None = None
    pruning_weights: str | None = None

    def over(self, base: "SpeciesSpec") -> "SpeciesSpec":
        """Returns this spec with what it leaves out taken from ``base``."""
        names = ("architecture", "activations", "trainable", "behavior", *_PRUNING)
        missing = {n: getattr(base, n) for n in names if getattr(self, n) is None}
        return replace(self, **missing, layer_files={**base.layer_files, **self.layer_files})

    def completed(self) -> "SpeciesSpec":
        """Returns the spec with defaults for what nobody gave: Gaussian, linear last, trainable.

        Raises:
            ConfigError: The architecture is missing, or lists differ in length.
        """
        if self.architecture is None:
            raise ConfigError(f"{self.key}.architecture is missing, e.g. [128, 32, 1]")
        layers = len(self.architecture)
        problems = [
            f"{self.key}: {name} has {len(value)} values, but architecture "
            f"{list(self.architecture)} has {layers} layers: give {self.key}.{name}"
            for name in ("activations", "trainable", "behavior", "prunable")
            if (value := getattr(self, name)) is not None and len(value) != layers
        ]
        problems += [
            f"{self.key}.layer_files names layer {index}, but layers are 0 to {layers - 1}"
            for index in self.layer_files
            if index >= layers
        ]
        if self.architecture[-1] != 1:
            problems.append(
                f"{self.key}.architecture {list(self.architecture)} must end in 1, an atom's energy"
            )
        if problems:
            raise ConfigError(problems)
        gaussian = (Activation.gaussian,) * (layers - 1) + (Activation.linear,)
        return replace(
            self,
            activations=self.activations or gaussian,
            trainable=self.trainable or (True,) * layers,
        )


def parse_network(
    network: NetworkConfig, symbols: tuple[str, ...]
) -> tuple[SpeciesSpec, dict[str, SpeciesSpec]]:
    """Returns the default spec and the overrides by symbol.

    Raises:
        ConfigError: Every mistake found, each naming its key.
    """
    problems: list[str] = []
    default = _parse("network", network, problems)
    overrides = {}
    for symbol, value in network.species.items():
        key = f"network.species.{symbol}"
        if symbol not in symbols:
            problems.append(
                f"{key}: '{symbol}' is not in data.species [{', '.join(symbols)}]"
                f"{closest(str(symbol), symbols)}"
            )
        elif (config := _typed(key, value, problems)) is not None:
            overrides[symbol] = _parse(key, config, problems)
    if problems:
        raise ConfigError(problems)
    return default, overrides


def _typed(key: str, value: Any, problems: list[str]) -> SpeciesConfig | None:
    if not isinstance(value, Mapping):
        problems.append(f"{key} is {value!r}, expected keys such as architecture: [128, 32, 1]")
        return None
    known = [item.name for item in fields(SpeciesConfig)]
    unknown = [name for name in value if name not in known]
    problems.extend(f"{key}.{name}: no such key{closest(str(name), known)}" for name in unknown)
    return SpeciesConfig(**{k: v for k, v in value.items() if k not in unknown})


def _parse(key: str, config: SpeciesConfig, problems: list[str]) -> SpeciesSpec:
    parsers = {
        "architecture": parse_sizes,
        "activations": parse_activations,
        "trainable": parse_flags,
        "behavior": parse_behavior,
        "layer_files": _parse_layer_files,
        "prunable": parse_flags,
        "sparsity": _parse_sparsity,
        "starting_masks": _parse_folder,
        "pruning_weights": _parse_folder,
    }
    values: dict[str, Any] = {}
    for name, parse in parsers.items():
        value = getattr(config, name)
        if value is None:
            continue
        try:
            values[name] = parse(value, f"{key}.{name}")
        except ConfigError as error:
            problems.extend(error.problems)
    return SpeciesSpec(key=key, **values)


def _parse_sparsity(value: Any, key: str) -> tuple[float, ...]:
    items = list(value) if isinstance(value, list | tuple) else [value]
    for item in items:
        number = isinstance(item, int | float) and not isinstance(item, bool)
        if not number or not 0 <= item < 1:
            raise ConfigError(
                f"{key} is {value!r}, expected a number from 0 to below 1, or a list of them"
            )
    if not items:
        raise ConfigError(f"{key} is empty, expected a number from 0 to below 1")
    return tuple(float(item) for item in items)


def _parse_folder(value: Any, key: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{key} is {value!r}, expected a folder")
    return value


def _parse_layer_files(value: Any, key: str) -> dict[int, tuple[str, str]]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{key} is {value!r}, expected {{0: [weights.npy, biases.npy]}}")
    files = {}
    for layer, pair in value.items():
        if not str(layer).isdigit() or not isinstance(pair, list) or len(pair) != 2:
            raise ConfigError(f"{key}: '{layer}: {pair}', expected 0: [weights.npy, biases.npy]")
        files[int(layer)] = (str(pair[0]), str(pair[1]))
    return files
