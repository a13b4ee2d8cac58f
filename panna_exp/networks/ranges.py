"""Ranges of descriptor components in the training set, in a file beside the weights.

``descriptor_ranges.json``: by species the number of atoms and the smallest and largest value of
each component. PANNA reads the files that ``networks_metadata.json`` names, and never this one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.data.ranges import Ranges
from panna_exp.errors import NetworkError
from panna_exp.networks.sums import read_listed_json, write_listed_json

FILE_NAME = "descriptor_ranges.json"
_FORMAT = "panna_exp descriptor ranges"
_VERSION = 1


def write_ranges(ranges: Ranges | None, symbols: Sequence[str], folder: Path) -> list[Path]:
    """Writes the file and returns its path; without ranges removes one of an earlier network.

    Raises:
        NetworkError: The folder cannot be written.
    """
    path = folder / FILE_NAME
    if ranges is None:
        return write_listed_json(path, None)
    by_species = {
        symbol: {
            "atoms": int(ranges.counts[index]),
            "min": ranges.low[index].tolist() if ranges.counts[index] else None,
            "max": ranges.high[index].tolist() if ranges.counts[index] else None,
        }
        for index, symbol in enumerate(symbols)
    }
    content = {"format": _FORMAT, "format_version": _VERSION, "species": by_species}
    return write_listed_json(path, content)


def read_ranges(folder: Path, symbols: Sequence[str], size: int) -> Ranges | None:
    """Reads the file of a folder, None where there is none.

    Args:
        folder: With the weights; the path of their metadata file does as well.
        symbols: The species list of the networks.
        size: Components of their descriptor.

    Raises:
        NetworkError: The file is damaged, or does not fit the networks.
    """
    path = (folder if folder.is_dir() else folder.parent) / FILE_NAME
    content = read_listed_json(path, "remove it, or extract again")
    if content is None:
        return None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise NetworkError(f'{path}: expected a JSON object with "format": "{_FORMAT}"')
    if content.get("format_version") != _VERSION:
        raise NetworkError(
            f"{path}: has the format version {content.get('format_version')}, this program reads "
            f"{_VERSION}: use the panna_exp version that wrote it"
        )
    species = content.get("species")
    if not isinstance(species, dict) or list(species) != list(symbols):
        found = ", ".join(species) if isinstance(species, dict) else "missing"
        raise NetworkError(
            f"{path}: its species are {found}, but those of the networks {', '.join(symbols)}: "
            "extract again"
        )
    found_ranges = Ranges.empty(len(symbols), size)
    for index, (symbol, item) in enumerate(species.items()):
        _fill(found_ranges, index, item, f"{path}, species {symbol}")
    return found_ranges


def _fill(ranges: Ranges, index: int, item: Any, where: str) -> None:
    atoms = item.get("atoms") if isinstance(item, dict) else None
    if not isinstance(atoms, int) or atoms < 0:
        raise NetworkError(f"{where}: has no number of atoms: the file is damaged, extract again")
    ranges.counts[index] = atoms
    if not atoms:
        return
    for name, target in (("min", ranges.low), ("max", ranges.high)):
        try:
            values = np.array(item.get(name), dtype=np.float64)
        except (TypeError, ValueError):
            values = np.empty(0)
        if values.shape != (ranges.size,) or not np.isfinite(values).all():
            raise NetworkError(
                f"{where}: '{name}' is not {ranges.size} numbers, one per component of the "
                "networks' descriptor: the file is damaged, extract again"
            )
        target[index] = values
