"""PANNA's network folders: ``networks_metadata.json`` and one ``.npy`` file an array."""

import io
import json
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.errors import NetworkError
from panna_exp.networks import metadata
from panna_exp.networks.folder import install, plain_name
from panna_exp.networks.layers import LayerData, NetworkData, Weights
from panna_exp.networks.metadata import FILE_NAME, Files, Metadata, NetworkSpec, layer_shapes
from panna_exp.networks.network_set import NetworkSet
from panna_exp.networks.sums import verify as verify_sum

# What numpy raises on files that are not .npy, cut short or altered, besides FileNotFoundError.
_DAMAGED = (
    OSError,
    ValueError,
    EOFError,
    SyntaxError,
    TypeError,
    ArithmeticError,
    MemoryError,
    tokenize.TokenError,
)


def read_panna(folder: Path) -> NetworkSet:
    """Reads a folder (or its metadata file) that PANNA 1.x, PANNA 2.x or this program wrote.

    Raises:
        NetworkError: Broken metadata, a missing or damaged file, a shape that does not fit (names
            species, layer and both shapes), numbers that are not finite.
    """
    info = metadata.read_metadata(folder)
    _check_files(info)
    networks = {item.symbol: _read_network(item, info.path) for item in info.networks}
    for network in networks.values():
        network.check_finite(str(folder))
    return NetworkSet(
        networks=networks,
        gvect_params=info.gvect_params,
        descriptor_info=info.descriptor_info,
        generation=info.generation,
        energy_rescale=info.energy_rescale,
        says_trainable=info.says_trainable,
        source=str(folder),
        format=info.format,
    )


def write_panna(networks: NetworkSet, folder: Path, version: int = 2) -> list[Path]:
    """Writes a folder of PANNA 2.x (or 1.x), reads it back and compares every bit.

    The arrays keep their type: float32 networks give the float32 files that PANNA writes. A folder
    that exists keeps its other files (see ``folder.install``).

    Returns:
        The files written.

    Raises:
        NetworkError: Numbers that are not finite, a folder that cannot be written, or files that
            do not read back bit for bit.
    """
    networks = replace(
        networks,
        gvect_params=_as_json(networks.gvect_params),
        descriptor_info=_as_json(networks.descriptor_info),
    )
    files: dict[str, bytes] = {}
    for network in networks.networks.values():
        network.check_finite(networks.source)
        for layer, names in zip(network.layers, _file_names(network, version), strict=True):
            files[names[0]] = _npy(layer.weights)
            files[names[1]] = _npy(layer.biases)
    files[FILE_NAME] = metadata_text(networks, version).encode()

    def verify(staging: Path) -> None:
        if not read_panna(staging).identical(networks):
            raise NetworkError(f"{folder}: what was written does not read back bit for bit")

    return install(folder, files, FILE_NAME, verify)


def read_array(path: Path, shape: tuple[int, ...], what: str) -> Weights:
    """Reads one ``.npy`` file of float32 or float64 numbers; pickled content is never loaded.

    Args:
        path: The file.
        shape: What the shape must be.
        what: Species, layer and role, for messages.

    Raises:
        NetworkError: The file is missing, damaged, of another shape or type.
    """
    verify_sum(path)
    try:
        # mmap_mode: the length of the file is checked before memory is taken.
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise NetworkError(f"{path}: no such file ({what})") from None
    except _DAMAGED as error:
        raise NetworkError(f"{path}: is not a readable .npy file ({what}): {error}") from None
    if not isinstance(stored, np.ndarray):
        stored.close()
        raise NetworkError(f"{path}: is an archive, expected one array ({what})")
    if stored.shape != shape:
        raise NetworkError(
            f"{path}: {what} have the shape {stored.shape}, but {FILE_NAME} says {shape}"
        )
    if stored.dtype.kind != "f" or stored.dtype.itemsize not in (4, 8):
        raise NetworkError(f"{path}: {what} are {stored.dtype}, expected float32 or float64")
    return np.array(stored, dtype=stored.dtype.newbyteorder("="), order="C")


def metadata_text(networks: NetworkSet, version: int = 2, files: bool = True) -> str:
    """Returns ``networks_metadata.json`` as PANNA 2.x or 1.x writes it, with our keys if known.

    Args:
        networks: The arrays do not matter here.
        version: 2 or 1.
        files: Whether 1.x names its files: not in a training directory, where they do not exist.
    """
    if version == 2:
        return json.dumps({**_metadata_2(networks), **_own_keys(networks)}, indent=2)
    return json.dumps({**_metadata_1(networks, files), **_own_keys(networks)})


def training_metadata(
    networks: Sequence[NetworkData], descriptor: Mapping[str, Any], version: int = 2
) -> dict[str, Any]:
    """Returns the ``networks_metadata.json`` of a training directory: the structure alone.

    Args:
        networks: One per species, in the order of the species indices.
        descriptor: What is known of the descriptor, kept under our key.
        version: Whose layout, PANNA 2.x or 1.x.
    """
    structure = NetworkSet(
        networks={network.symbol: network for network in networks},
        descriptor_info=_as_json(dict(descriptor)),
        source="the run",
    )
    own = _metadata_2(structure) if version == 2 else _metadata_1(structure, files=False)
    return {**own, **_own_keys(structure)}


def _check_files(info: Metadata) -> None:
    named = [
        plain_name(name, str(info.path))
        for item in info.networks
        for pair in item.files or ()
        for name in pair
    ]
    if not any((info.path.parent / name).exists() for name in named):
        raise NetworkError(
            f"{info.path}: there are no files of weights with it, so it is the structure alone, as "
            "in a training directory: give a folder of extracted weights"
        )
    for item in info.networks:
        if item.files is None:
            raise NetworkError(f"{info.path}: names no files for {item.symbol} (networks_files)")


def _read_network(spec: NetworkSpec, path: Path) -> NetworkData:
    layers = []
    for index, (shape, names) in enumerate(zip(spec.shapes(), spec.files or (), strict=True)):
        where = f"species {spec.symbol}, layer {index}"
        files = [path.parent / plain_name(name, f"{path}: {where}") for name in names]
        weights = read_array(files[0], shape, f"weights of {where}")
        biases = read_array(files[1], shape[1:], f"biases of {where}")
        layers.append(LayerData(weights, biases, spec.activations[index]))
    return NetworkData(spec.symbol, tuple(layers), spec.offset, spec.trainable)


def _file_names(network: NetworkData, version: int) -> Files:
    if version == 2:
        return metadata.file_names_2(network.symbol, len(network.layers))
    return tuple(
        (
            f"species_{network.symbol}_layer_{n}_weights_{n_in}x{n_out}.npy",
            f"species_{network.symbol}_layer_{n}_biases_{n_out}.npy",
        )
        for n, (n_in, n_out) in enumerate(layer_shapes(network.feature_size, network.sizes))
    )


def _npy(array: Weights) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _metadata_2(networks: NetworkSet) -> dict[str, Any]:
    nets = networks.networks.values()
    return {
        "version": "v1",
        "scaffold_type": "PANNA",
        "networks_species": list(networks.species),
        "networks": [
            {
                "type": metadata.NETWORK_TYPES[0],
                "name": net.symbol,
                "feature_size": net.feature_size,
                "layers": list(net.sizes),
                "activations": [int(item) for item in net.activations],
                "offset": float(net.offset),
            }
            for net in nets
        ],
        # 1.x's key: 2.x's files have no place for the flags and ignore keys they do not know.
        "networks_layers_trainable": [list(net.trainable) for net in nets],
    }


def _metadata_1(networks: NetworkSet, files: bool) -> dict[str, Any]:
    nets = networks.networks.values()
    data: dict[str, Any] = {
        "verison": "v0",  # 1.x's own spelling
        "scaffold_type": "PANNA",
        "networks_type": [metadata.NETWORK_TYPES[1] for _ in nets],
        "networks_layers_size": [list(net.sizes) for net in nets],
        "networks_feature_size": [net.feature_size for net in nets],
        "networks_layers_activation": [[int(item) for item in net.activations] for net in nets],
        "networks_layers_trainable": [list(net.trainable) for net in nets],
        "networks_species": list(networks.species),
        "networks_offset": [float(net.offset) for net in nets],
    }
    if files:
        data["networks_files"] = [[list(pair) for pair in _file_names(net, 1)] for net in nets]
    return data


def _as_json(value: dict[str, Any] | None) -> Any:
    # Tuples become lists, so that what is read back can be compared.
    return json.loads(json.dumps(value))


def _own_keys(networks: NetworkSet) -> dict[str, Any]:
    known = {
        "gvect_params": networks.gvect_params,
        "generation": networks.generation,
        "descriptor": networks.descriptor_info,
        "energy_rescale": networks.energy_rescale,
    }
    return {key: value for key, value in known.items() if value is not None}
