"""LAMMPS potentials (``pair_style panna``): ``panna.in`` and one ``weights_X.dat`` per species.

A weights file is raw little-endian float32: for every layer the weights (row-major, n_in x n_out)
then the biases. The species' offset is added to the last bias, so a potential that is read has
offset 0.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.errors import NetworkError
from panna_exp.networks.descriptor import (
    COUNTS,
    SCALARS,
    from_keys,
    list_form,
    mbp_parameters,
    scalar_form,
)
from panna_exp.networks.folder import install, plain_name
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.networks.metadata import layer_shapes
from panna_exp.networks.network_set import NetworkSet
from panna_exp.networks.panna_in import PannaIn, SpeciesSection, format_panna_in, parse_panna_in
from panna_exp.networks.sums import verify

FILE_NAME = "panna.in"
# The plugin computes this formula and no other.
GENERATION = "C"
_PLUGIN_ACTIVATIONS = (Activation.linear, Activation.gaussian, Activation.relu)


@dataclass(frozen=True, slots=True, kw_only=True)
class LammpsExport:
    """What :func:`write_lammps` did.

    Args:
        files: Paths written.
        rounding: By symbol, the error (eV per atom) of adding the offset in float32.
        notes: Sentences for the user: rounding, and what PANNA's plugin will not do right.
    """

    files: list[Path]
    rounding: dict[str, float]
    notes: list[str]


def read_lammps(path: Path) -> NetworkSet:
    """Reads a potential from a ``panna.in``, or from the folder that holds one.

    Raises:
        NetworkError: A mistake in ``panna.in`` (names the line), a weights file that is missing or
            of a wrong size, numbers that are not finite.
    """
    file = path / FILE_NAME if path.is_dir() else path
    content = parse_panna_in(file)
    species = tuple(content.networks)
    parameters = from_keys(content.parameters, species, GENERATION, str(file))
    networks = {
        symbol: _read_network(symbol, section, parameters.size, file)
        for symbol, section in content.networks.items()
    }
    return NetworkSet(
        networks=networks,
        gvect_params=content.parameters,
        descriptor_info=parameters.to_info(),
        generation=GENERATION,
        says_trainable=False,
        source=str(file),
        format="lammps",
    )


def write_lammps(
    networks: NetworkSet, folder: Path, file_name: str = FILE_NAME, gversion: int | None = None
) -> LammpsExport:
    """Writes a potential for LAMMPS, byte for byte as PANNA does, and reads it back.

    Args:
        networks: Needs the descriptor parameters; an unknown generation is taken as C, with a note.
        folder: Made if absent; keeps its other files (see ``folder.install``).
        file_name: Of the text file.
        gversion: 0 for scalar descriptor parameters, 1 for lists; by default 0 where they allow it.

    Raises:
        NetworkError: No descriptor parameters, or of a generation that the plugin does not compute;
            ``gversion`` 0 with parameters that need lists; numbers that are not finite in float32.
    """
    networks.check_for_panna()
    parameters, notes = _parameters(networks, gversion)
    folded, rounding = {}, {}
    for symbol, network in networks.networks.items():
        network.check_finite(networks.source)
        folded[symbol], rounding[symbol] = _fold(network)
        folded[symbol].check_finite(f"{networks.source}, in float32")
    sections = {
        symbol: SpeciesSection(
            sizes=network.sizes, activations=network.activations, file=f"weights_{symbol}.dat"
        )
        for symbol, network in folded.items()
    }
    content = PannaIn(
        gversion=1 if "Rs_rad" in parameters else 0, parameters=parameters, networks=sections
    )
    files = {sections[symbol].file: _to_bytes(network) for symbol, network in folded.items()}
    files[file_name] = format_panna_in(content).encode()

    def verify(staging: Path) -> None:
        read = read_lammps(staging / file_name)
        same = read.gvect_params == parameters and read.species == networks.species
        if not same or not all(read.networks[s].identical(net) for s, net in folded.items()):
            raise NetworkError(f"{folder}: what was written does not read back bit for bit")

    paths = install(folder, files, file_name, verify)
    return LammpsExport(files=paths, rounding=rounding, notes=[_rounding_note(rounding), *notes])


def _read_network(
    symbol: str, section: SpeciesSection, feature_size: int, file: Path
) -> NetworkData:
    path = file.parent / plain_name(section.file, f"{file}: [{symbol}] file")
    shapes = layer_shapes(feature_size, section.sizes)
    expected = 4 * sum((n_in + 1) * n_out for n_in, n_out in shapes)
    try:
        verify(path)
        data = path.read_bytes()
    except FileNotFoundError:
        raise NetworkError(f"{path}: no such file (weights of {symbol}, see {file})") from None
    except OSError as error:
        raise NetworkError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) != expected:
        raise NetworkError(
            f"{path}: has {len(data)} bytes, expected {expected} for {feature_size} descriptor "
            f"components and layers {','.join(map(str, section.sizes))} of {symbol} in {file.name}"
        )
    numbers = np.frombuffer(data, dtype="<f4").astype(np.float32)
    layers, start = [], 0
    for (n_in, n_out), activation in zip(shapes, section.activations, strict=True):
        middle, end = start + n_in * n_out, start + (n_in + 1) * n_out
        weights = numbers[start:middle].reshape(n_in, n_out)
        layers.append(LayerData(weights, numbers[middle:end], activation))
        start = end
    network = NetworkData(symbol, tuple(layers))
    network.check_finite(str(path))
    return network


def _parameters(networks: NetworkSet, gversion: int | None) -> tuple[dict[str, Any], list[str]]:
    if networks.generation not in (None, GENERATION):
        raise NetworkError(
            f"{networks.source}: was made for descriptors of variant {networks.generation}, but "
            f"PANNA's LAMMPS plugin computes variant {GENERATION}: its energies would be wrong"
        )
    if gversion not in (None, 0, 1):
        raise NetworkError(f"gversion is {gversion}, expected 0 or 1")
    parameters = mbp_parameters(networks, GENERATION)
    if parameters is None:
        raise NetworkError(
            f"{networks.source}: the descriptor parameters are not known, and panna.in needs them"
        )
    scalars = _given_scalars(networks) or scalar_form(parameters)
    if gversion == 0 and scalars is None:
        raise NetworkError(
            f"{networks.source}: the descriptor has centres or exponents that are not uniform, "
            "which only gversion 1 can write"
        )
    values = list_form(parameters) if gversion == 1 or scalars is None else scalars
    return values, _notes(networks, values)


def _given_scalars(networks: NetworkSet) -> dict[str, Any] | None:
    # Numbers that a file gave are written as they stood, not as they come out of a conversion.
    given = networks.gvect_params
    if given is None or not all(isinstance(given.get(key), int | float) for key in SCALARS):
        return None
    return {key: int(given[key]) if key in COUNTS else float(given[key]) for key in SCALARS}


def _notes(networks: NetworkSet, values: dict[str, Any]) -> list[str]:
    notes = []
    if networks.generation is None:
        notes.append(
            "the variant of the descriptors is not known; the plugin computes "
            f"{GENERATION}, and the energies are wrong if the network was trained on A or B"
        )
    zeta = values["zeta"] if isinstance(values["zeta"], list) else [values["zeta"]]
    odd = [item for item in zeta if not float(item).is_integer()]
    if odd:
        notes.append(f"zeta = {odd[0]:g}: PANNA's plugin cuts it to the integer {int(odd[0])}")
    for part in ("rad", "ang"):
        if f"Rsst_{part}" not in values:
            continue
        step = (values[f"Rc_{part}"] - values[f"Rs0_{part}"]) / values[f"RsN_{part}"]
        if abs(values[f"Rsst_{part}"] - step) > 1e-6:
            notes.append(
                f"Rsst_{part} = {values[f'Rsst_{part}']:g} is not (Rc - Rs0) / RsN = {step:g}, "
                "which is what PANNA's plugin uses: export with gversion 1"
            )
    for symbol, network in networks.networks.items():
        unknown = {item for item in network.activations if item not in _PLUGIN_ACTIVATIONS}
        for item in sorted(unknown):
            notes.append(f"{symbol} has the activation {item.name}, unknown to PANNA's plugin")
        if any(layer.weights.dtype != np.float32 for layer in network.layers):
            notes.append(f"{symbol}: float64 weights are rounded to float32")
    return notes


def _rounding_note(rounding: dict[str, float]) -> str:
    worst = max(rounding, key=lambda symbol: rounding[symbol])
    each = ", ".join(f"{symbol} {error:.1e}" for symbol, error in rounding.items())
    return (
        "offsets are added to the last bias in float32, as PANNA does; the error in eV per atom: "
        f"{each} (largest for {worst})"
    )


def _fold(network: NetworkData) -> tuple[NetworkData, float]:
    """Returns the network as the file has it, and what the rounding of the offset costs (eV)."""
    with np.errstate(over="ignore"):  # a number too large becomes inf, which is refused
        layers = [
            LayerData(
                layer.weights.astype(np.float32), layer.biases.astype(np.float32), layer.activation
            )
            for layer in network.layers
        ]
        last = layers[-1]
        # Both terms are rounded before the sum, as in PANNA: rounding once gives other bytes.
        biases = last.biases + np.float32(network.offset)
    exact = network.layers[-1].biases.astype(np.float64) + network.offset
    layers[-1] = LayerData(last.weights, biases, last.activation)
    return NetworkData(network.symbol, tuple(layers)), float(abs(biases - exact).max())


def _to_bytes(network: NetworkData) -> bytes:
    return b"".join(
        array.astype("<f4").tobytes()
        for layer in network.layers
        for array in (layer.weights, layer.biases)
    )
