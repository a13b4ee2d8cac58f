"""The ``.panna`` file: one potential for the plugin of LAMMPS, in text, without loss.

Unlike ``panna.in`` it keeps float64 offsets, every activation, all variants of mBP, BP, and the
ranges of the training set. Words are separated by white space::

    panna_exp potential 1
    species 2 Si O
    descriptor mbp cutoff_radial 5.0 cutoff_angular 4.0
    radial_centers 12 0.5 ...              a count, then as many numbers; angstrom, 1/angstrom^2
    network Si offset -107.3 layers 2      one per species, in the order of the list
    layer 44 24 1 ...                      inputs, outputs, activation, weights [in, out], biases
    smallest 44 ... largest 44 ...         of each component in training; 0 where not known
    repulsion_outer 4 2.1 ...              of the short-range repulsion, see below; 0: none
    crc32 1234567890                       of all bytes before this line

Before ``repulsion_outer`` (angstrom) stand ``repulsion_strength`` (eV angstrom) and
``repulsion_length`` (angstrom), each [T, T]; see :mod:`panna_exp.descriptors.repulsion`.
``lammps/panna_potential.cpp`` reads it.
"""

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from panna_exp.assembly.saved import SavedPotential, to_export
from panna_exp.data.ranges import Ranges
from panna_exp.descriptors.angular import SMOOTHING
from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.info import Parameters
from panna_exp.errors import NetworkError
from panna_exp.files import write_text_atomic
from panna_exp.networks.layers import NetworkData

_VERSION = 1


def write_lammps_potential(potential: SavedPotential, path: Path) -> None:
    """Writes a potential for ``pair_style panna``.

    Args:
        potential: Its descriptor must be known.
        path: Ends in ``.panna``; replaced atomically.

    Raises:
        NetworkError: The descriptor is not known, or weights are not finite.
    """
    parameters = potential.descriptor.parameters
    if parameters is None:
        raise NetworkError(
            f"{potential.label}: does not say which descriptors it takes: name them with "
            "generation=A, B or C (networks of PANNA's present code: C)"
        )
    networks = to_export(potential.networks, potential.descriptor, potential.energy_rescale)
    lines = [
        f"panna_exp potential {_VERSION}",
        f"species {len(parameters.species)} {' '.join(parameters.species)}",
        *_descriptor(parameters),
    ]
    for index, network in enumerate(networks.networks.values()):
        network.check_finite(potential.label)
        lines += _network(network)
        lines += _range(potential.ranges, index)
    for name in ("strength", "length", "outer"):
        values = np.empty(0) if potential.repulsion is None else getattr(potential.repulsion, name)
        lines.append(_numbers(f"repulsion_{name}", values.ravel()))
    text = "\n".join(lines) + "\n"
    write_text_atomic(path, f"{text}crc32 {zlib.crc32(text.encode())}\n")


def _descriptor(parameters: Parameters) -> Iterator[str]:
    is_bp = isinstance(parameters, BPParameters)
    yield f"descriptor {'bp' if is_bp else 'mbp'}"
    yield f"cutoff_radial {parameters.cutoff_radial!r}"
    yield f"cutoff_angular {parameters.cutoff_angular!r}"
    yield _numbers("radial_centers", [center for _, center in parameters.radial_terms])
    yield _numbers("radial_eta", [eta for eta, _ in parameters.radial_terms])
    yield _numbers("angular_eta", parameters.angular_eta)
    yield _numbers("zeta", parameters.zeta)
    if not isinstance(parameters, BPParameters):
        yield _numbers("angular_centers", parameters.angular_centers)
        yield _numbers("thetas", parameters.thetas)
        yield f"smoothing {SMOOTHING[parameters.generation]!r}"
        yield f"pairs_twice {int(parameters.generation == 'A')}"


def _network(network: NetworkData) -> Iterator[str]:
    yield f"network {network.symbol} offset {float(network.offset)!r} layers {len(network.layers)}"
    for layer in network.layers:
        inputs, outputs = layer.weights.shape
        yield f"layer {inputs} {outputs} {int(layer.activation)}"
        for row in layer.weights:
            yield " ".join(repr(float(value)) for value in row)
        yield " ".join(repr(float(value)) for value in layer.biases)


def _range(ranges: Ranges | None, index: int) -> Iterator[str]:
    known = ranges is not None and bool(ranges.counts[index])
    for name, values in (("smallest", "low"), ("largest", "high")):
        yield _numbers(name, getattr(ranges, values)[index] if known else np.empty(0))


def _numbers(name: str, values: Iterable[float]) -> str:
    found = [repr(float(value)) for value in values]
    return " ".join([name, str(len(found)), *found])
