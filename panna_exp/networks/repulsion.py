"""The short-range repulsion of a potential, in a file beside the weights.

``repulsion.json``: by pair of species (``H-O``) the distance at which it ends (angstrom). PANNA
reads the files that ``networks_metadata.json`` names, and never this one.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.descriptors.repulsion import Repulsion
from panna_exp.errors import NetworkError
from panna_exp.networks.sums import read_listed_json, write_listed_json

FILE_NAME = "repulsion.json"
_FORMAT = "panna_exp repulsion"
_VERSION = 1
_KIND = "zbl"
NOT_IN_PANNA = (
    "the potential's short-range repulsion (network.repulsion) is not for PANNA and its pair "
    "style, which have the networks alone: the same at all distances of the data"
)


def write_repulsion(repulsion: Repulsion | None, folder: Path) -> list[Path]:
    """Writes the file and returns its path; without a repulsion removes one of before.

    Raises:
        NetworkError: The folder cannot be written.
    """
    path = folder / FILE_NAME
    if repulsion is None:
        return write_listed_json(path, None)
    outer = {
        f"{one}-{other}": float(repulsion.outer[i, i + j])
        for i, one in enumerate(repulsion.symbols)
        for j, other in enumerate(repulsion.symbols[i:])
    }
    content = {"format": _FORMAT, "format_version": _VERSION, "kind": _KIND, "outer": outer}
    return write_listed_json(path, content, indent=1)


def read_repulsion(folder: Path, symbols: Sequence[str]) -> Repulsion | None:
    """Reads the file of a folder, None where there is none.

    Args:
        folder: With the weights; the path of their metadata file does as well.
        symbols: The species list of the networks.

    Raises:
        NetworkError: The file is damaged, or does not fit the networks.
    """
    path = (folder if folder.is_dir() else folder.parent) / FILE_NAME
    content = read_listed_json(path, "extract again")
    if content is None:
        return None
    expected = {"format": _FORMAT, "format_version": _VERSION, "kind": _KIND}
    if not isinstance(content, dict) or any(content.get(k) != v for k, v in expected.items()):
        raise NetworkError(f"{path}: expected a JSON object with {json.dumps(expected)[1:-1]}")
    outer = np.zeros((len(symbols), len(symbols)))
    found = content.get("outer")
    for i, one in enumerate(symbols):
        for j in range(i, len(symbols)):
            outer[i, j] = outer[j, i] = _distance(found, f"{one}-{symbols[j]}", path)
    return Repulsion(tuple(symbols), outer)


def _distance(outer: Any, pair: str, path: Path) -> float:
    value = outer.get(pair) if isinstance(outer, dict) else None
    if not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value < 100:
        raise NetworkError(
            f"{path}: 'outer' has no distance for {pair} (angstrom, from 0): the file is damaged "
            "or another network's: extract again"
        )
    return float(value)
