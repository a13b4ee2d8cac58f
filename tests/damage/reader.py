"""Reads what the lines of standard input name, ``KIND PATH``, and says how each ended.

A process of its own, so that a crash or a hang costs one file: the last line tells which.
"""

import faulthandler
import hashlib
import json
import resource
import signal
import sys
import traceback
from pathlib import Path

import numpy as np

from panna_exp.elements import Species
from panna_exp.errors import PannaExpError
from panna_exp.networks.formats import read_networks
from panna_exp.readers import READERS, ReadOptions

MEMORY, SECONDS = 6 * 2**30, 20
FIELDS = ("offsets", "species", "energy", "positions", "cell", "pbc", "forces", "virial",
          "descriptors", "weights")  # fmt: skip


def read(kind: str, path: Path) -> str:
    """Returns a hash of what was read."""
    if kind == "networks":
        found = read_networks(path)
        arrays = [
            array
            for network in found.networks.values()
            for layer in network.layers
            for array in (layer.weights, layer.biases)
        ]
    else:
        species = Species(("H", "O"))
        wanted = {"derivatives": True} if "derivatives" in READERS[kind].takes else {}
        virials = {"virials": True} if kind == "ase" else {}
        unit = {"energy_unit": "eV"} if kind == "npz" else {}
        options = ReadOptions(**wanted, **virials, **unit)
        structures = READERS[kind].read(path, species, options)
        arrays = [getattr(structures, name) for name in FIELDS]
        if structures.derivatives is not None:
            arrays.append(structures.derivatives.values)
        list(structures.names), list(structures.origins), list(structures.config_types)
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def main() -> None:
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for line in sys.stdin:
        kind, path = line.rstrip("\n").split(" ", 1)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor: other work does not count
        try:
            answer = {"read": read(kind, Path(path))}
        except PannaExpError as error:
            answer = {"error": str(error)}
        except BaseException:
            answer = {"traceback": traceback.format_exc()}
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
