"""A trained potential as a folder that needs nothing else: what a model in MLflow is made of.

``networks_metadata.json`` and ``.npy`` files in PANNA's layout, with our descriptor key, and
``potential.json`` with what PANNA's files have no place for. Nothing in it is code.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from panna_exp import __version__
from panna_exp.assembly.descriptor import Info
from panna_exp.assembly.saved import SavedPotential, from_folder, to_network_set
from panna_exp.data.ranges import Ranges
from panna_exp.errors import NetworkError
from panna_exp.files import write_text_atomic
from panna_exp.networks.layers import NetworkData
from panna_exp.networks.panna import write_panna
from panna_exp.networks.ranges import write_ranges

FACTS = "potential.json"
FORMAT = "panna_exp potential"
FORMAT_VERSION = 1
_PRECISIONS = ("float32", "float64")


def write_model(
    folder: Path,
    name: str,
    networks: Sequence[NetworkData],
    descriptor: Info,
    energy_rescale: float,
    precision: str,
    ranges: Ranges | None = None,
) -> None:
    """Writes the folder.

    Args:
        folder: Created if absent.
        name: Of the checkpoint.
        networks: One a species.
        descriptor: What they take; known.
        energy_rescale: Factor on the energies that they learned.
        precision: What they were trained in: ``float32`` or ``float64``.
        ranges: Of the descriptors that they were trained on.

    Raises:
        NetworkError: Numbers that are not finite, or a folder that cannot be written.
    """
    write_panna(to_network_set(networks, descriptor), folder)
    write_ranges(ranges, [network.symbol for network in networks], folder)
    facts = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "panna_exp": __version__,
        "torch": str(torch.__version__),
        "name": name,
        "energy_rescale": energy_rescale,
        "precision": precision,
        "units": {"length": "angstrom", "energy": "eV"},
    }
    write_text_atomic(folder / FACTS, json.dumps(facts, indent=1) + "\n")


def read_model(folder: Path) -> tuple[SavedPotential, torch.dtype]:
    """Returns the potential and its precision.

    Raises:
        NetworkError: The folder is damaged, or was written by a version whose format is another.
    """
    facts = _read_facts(folder / FACTS)
    potential = from_folder(folder, None)
    if potential.descriptor["type"] == "unknown":
        raise NetworkError(f"{folder}: does not say which descriptor its networks take")
    potential = replace(
        potential, name=str(facts["name"]), energy_rescale=float(facts["energy_rescale"])
    )
    return potential, getattr(torch, facts["precision"])


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise NetworkError(f"{path}: no such file: expected a model's folder") from None
    except ValueError as error:
        raise NetworkError(f"{path}: is not JSON: {error}") from None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise NetworkError(f'{path}: expected a JSON object with "format": "{FORMAT}"')
    if facts.get("format_version") != FORMAT_VERSION:
        writer = facts.get("panna_exp", "another version")
        raise NetworkError(
            f"{path}: has the format version {facts.get('format_version')}, written by panna_exp "
            f"{writer}, but panna_exp {__version__} reads {FORMAT_VERSION}: install that version"
        )
    rescale = facts.get("energy_rescale")
    fits = isinstance(rescale, int | float) and rescale > 0
    if not fits or facts.get("precision") not in _PRECISIONS or "name" not in facts:
        raise NetworkError(
            f"{path}: expected name, energy_rescale (a number above 0) and precision "
            f"({' or '.join(_PRECISIONS)}): the file is damaged"
        )
    return facts
