"""``networks_metadata.json``: the structure of the networks in a folder, in two dialects.

PANNA 2.x has one entry per species under ``networks`` and fixed file names; PANNA 1.x has one list
over species for each quantity and names its files under ``networks_files``. What either leaves in
a ``train_dir`` has the structure alone. The keys ``generation``, ``descriptor`` and
``energy_rescale`` are ours; keys that nobody here knows are left alone.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panna_exp.descriptors.parameters import GENERATIONS
from panna_exp.errors import NetworkError, closest
from panna_exp.files import read_json
from panna_exp.networks.layers import Activation
from panna_exp.networks.sums import verify

FILE_NAME = "networks_metadata.json"

# What 2.x and 1.x call their fully connected network, the only kind there is.
NETWORK_TYPES = ("a2aff", "a2ff")

Files = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """What the metadata say about the network of one species.

    Args:
        symbol: The species.
        feature_size: Descriptor components D.
        sizes: Outputs of each layer.
        activations: One per layer.
        offset: Reference energy of an atom (eV).
        trainable: One per layer; true where the file does not say.
        files: Weights and biases file of each layer; None where 1.x metadata name none.
    """

    symbol: str
    feature_size: int
    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    offset: float
    trainable: tuple[bool, ...]
    files: Files | None

    def shapes(self) -> list[tuple[int, int]]:
        """Returns (n_in, n_out) of each layer."""
        return layer_shapes(self.feature_size, self.sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """A whole file; descriptor, rescaling and trainable flags mean what they do in NetworkSet."""

    path: Path
    format: str
    networks: tuple[NetworkSpec, ...]
    gvect_params: dict[str, Any] | None
    descriptor_info: dict[str, Any] | None
    generation: str | None
    energy_rescale: float | None
    says_trainable: bool


def layer_shapes(feature_size: int, sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Returns (n_in, n_out) of each layer."""
    return list(zip((feature_size, *sizes[:-1]), sizes, strict=True))


def file_names_2(symbol: str, num_layers: int) -> Files:
    """Returns the names PANNA 2.x gives to weights and biases of each layer."""
    return tuple((f"{symbol}_l{n}_w.npy", f"{symbol}_l{n}_b.npy") for n in range(num_layers))


def read_metadata(path: Path) -> Metadata:
    """Reads the metadata of a folder (or the file itself), 1.x or 2.x as found.

    Only the structure is read: that the files of the weights exist is not looked at.

    Raises:
        NetworkError: No such file, broken JSON (with its line), a key missing or of a wrong kind.
    """
    file = path / FILE_NAME if path.is_dir() else path
    data = _load_json(file)
    panna2 = "networks" in data
    networks = _read_2(data, file) if panna2 else _read_1(data, file)
    symbols = [item.symbol for item in networks]
    doubled = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if doubled:
        raise NetworkError(f"{file}: names the species {', '.join(doubled)} twice")
    if not networks:
        raise NetworkError(f"{file}: names no networks")
    return Metadata(
        path=file,
        format="panna2" if panna2 else "panna1",
        networks=tuple(networks),
        gvect_params=_optional(data, "gvect_params", dict, f"{file}"),
        descriptor_info=_optional(data, "descriptor", dict, f"{file}"),
        generation=_generation(data, file),
        energy_rescale=_energy_rescale(data, file),
        says_trainable=data.get("networks_layers_trainable") is not None,
    )


def _load_json(file: Path) -> dict[str, Any]:
    try:
        verify(file)
        data = read_json(file)
    except FileNotFoundError:
        raise NetworkError(
            f"{file}: no such file; a folder of PANNA networks has its structure in {FILE_NAME}"
        ) from None
    except OSError as error:
        raise NetworkError(f"{file}: cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise NetworkError(
            f"{file}: broken JSON in line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except ValueError as error:  # not UTF-8, or nested without end
        raise NetworkError(f"{file}: is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise NetworkError(f"{file}: holds a {type(data).__name__}, expected an object {{...}}")
    return data


def _read_2(data: dict[str, Any], file: Path) -> list[NetworkSpec]:
    entries = _require(data, "networks", list, f"{file}")
    flags = _optional(data, "networks_layers_trainable", list, f"{file}") or [None] * len(entries)
    _same_length({"networks": entries, "networks_layers_trainable": flags}, file)
    networks = []
    for index, (entry, trainable) in enumerate(zip(entries, flags, strict=True)):
        if not isinstance(entry, dict):
            raise NetworkError(
                f"{file}: networks[{index}] is {entry!r}, expected an object {{...}}"
            )
        symbol = _require(entry, "name", str, f"{file}: networks[{index}]")
        where = f"{file}: network of {symbol}"
        raw = {
            "type": entry.get("type", NETWORK_TYPES[0]),
            "feature_size": _require(entry, "feature_size", int, where),
            "layers": _require(entry, "layers", list, where),
            "activations": _require(entry, "activations", list, where),
            "offset": _require(entry, "offset", (int, float), where),
            "trainable": trainable,
        }
        networks.append(_spec(symbol, raw, file_names_2(symbol, len(raw["layers"])), where))
    order = data.get("networks_species")
    if order is not None and order != [item.symbol for item in networks]:
        raise NetworkError(
            f"{file}: networks_species is {order}, but networks names "
            f"{[item.symbol for item in networks]}"
        )
    return networks


def _read_1(data: dict[str, Any], file: Path) -> list[NetworkSpec]:
    symbols = _require(data, "networks_species", list, f"{file}")
    names = {
        "feature_size": "networks_feature_size",
        "layers": "networks_layers_size",
        "activations": "networks_layers_activation",
        "offset": "networks_offset",
    }
    columns = {key: _require(data, name, list, f"{file}") for key, name in names.items()}
    for key, name in (
        ("type", "networks_type"),
        ("trainable", "networks_layers_trainable"),
        ("files", "networks_files"),
    ):
        column = _optional(data, name, list, f"{file}")
        names[key] = name
        columns[key] = [None] * len(symbols) if column is None else column
    _same_length({"networks_species": symbols, **{names[k]: c for k, c in columns.items()}}, file)
    networks = []
    for index, symbol in enumerate(symbols):
        if not isinstance(symbol, str):
            raise NetworkError(
                f"{file}: networks_species[{index}] is {symbol!r}, expected a symbol"
            )
        where = f"{file}: network of {symbol}"
        raw = {key: column[index] for key, column in columns.items()}
        for key, kind in (("feature_size", int), ("layers", list), ("activations", list)):
            _expect(raw[key], kind, f"{where}: {names[key]}")
        _expect(raw["offset"], (int, float), f"{where}: {names['offset']}")
        raw["type"] = raw["type"] or NETWORK_TYPES[1]
        files = None if raw["files"] is None else _files(raw["files"], len(raw["layers"]), where)
        networks.append(_spec(symbol, raw, files, where))
    return networks


def _spec(symbol: str, raw: dict[str, Any], files: Files | None, where: str) -> NetworkSpec:
    sizes, activations, flags = raw["layers"], raw["activations"], raw["trainable"]
    if raw["type"] not in NETWORK_TYPES:
        raise NetworkError(
            f"{where}: unknown type {raw['type']!r}, expected {' or '.join(NETWORK_TYPES)}"
            f"{closest(str(raw['type']), NETWORK_TYPES)}"
        )
    for size in (raw["feature_size"], *sizes):
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise NetworkError(f"{where}: layer size {size!r} is not a positive whole number")
    if not sizes:
        raise NetworkError(f"{where}: has no layers")
    if len(activations) != len(sizes):
        raise NetworkError(f"{where}: {len(activations)} activations for {len(sizes)} layers")
    return NetworkSpec(
        symbol=symbol,
        feature_size=raw["feature_size"],
        sizes=tuple(sizes),
        activations=tuple(Activation.parse(item, where) for item in activations),
        offset=_offset(raw["offset"], where),
        trainable=_trainable(flags, len(sizes), where),
        files=files,
    )


def _offset(value: int | float, where: str) -> float:
    try:
        offset = float(value)
    except OverflowError:
        offset = math.inf
    if not math.isfinite(offset):
        raise NetworkError(f"{where}: the offset is {value!r:.80}, expected a finite number")
    return offset


def _trainable(flags: Any, num_layers: int, where: str) -> tuple[bool, ...]:
    if flags is None:
        return (True,) * num_layers
    known = isinstance(flags, list) and all(flag in (0, 1) for flag in flags)
    if not known or len(flags) != num_layers:
        raise NetworkError(
            f"{where}: networks_layers_trainable is {flags!r}, expected {num_layers} times true "
            "or false"
        )
    return tuple(bool(flag) for flag in flags)


def _files(value: Any, num_layers: int, where: str) -> Files:
    _expect(value, list, f"{where}: networks_files")
    for pair in value:
        if not isinstance(pair, list) or [type(name) for name in pair] != [str, str]:
            raise NetworkError(
                f"{where}: networks_files has {pair!r}, expected [weights file, biases file]"
            )
    if len(value) != num_layers:
        raise NetworkError(
            f"{where}: networks_files has {len(value)} layers, networks_layers_size {num_layers}"
        )
    return tuple((pair[0], pair[1]) for pair in value)


def _generation(data: dict[str, Any], file: Path) -> str | None:
    value = data.get("generation")
    if value is not None and value not in GENERATIONS:
        raise NetworkError(
            f"{file}: generation is {value!r}, expected one of {', '.join(GENERATIONS)}"
        )
    return value


def _energy_rescale(data: dict[str, Any], file: Path) -> float | None:
    value = _optional(data, "energy_rescale", (int, float), f"{file}")
    if value is not None and not 0 < value < math.inf:
        raise NetworkError(f"{file}: energy_rescale is {value!r}, expected a number above 0")
    return None if value is None else float(value)


def _same_length(columns: dict[str, list[Any]], file: Path) -> None:
    (first, reference), *others = columns.items()
    for name, column in others:
        if len(column) != len(reference):
            raise NetworkError(
                f"{file}: {name} has {len(column)} entries, but {first} has {len(reference)}"
            )


def _require(data: dict[str, Any], key: str, kind: Any, where: str) -> Any:
    if key not in data:
        raise NetworkError(f"{where}: the key '{key}' is missing{closest(key, data)}")
    return _expect(data[key], kind, f"{where}: {key}")


def _optional(data: dict[str, Any], key: str, kind: Any, where: str) -> Any:
    return None if data.get(key) is None else _expect(data[key], kind, f"{where}: {key}")


def _expect(value: Any, kind: Any, where: str) -> Any:
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    kinds = kind if isinstance(kind, tuple) else (kind,)
    names = {list: "a list", dict: "an object {...}", str: "a string"}
    expected = names.get(kinds[0], "a number")
    raise NetworkError(f"{where} is {value!r:.80}, expected {expected}")
