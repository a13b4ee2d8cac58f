"""A trained potential as a folder that needs nothing else: what a model in MLflow is made of.

``networks_metadata.json`` and ``.npy`` files in PANNA's layout, with our descriptor key, and
``potential.json`` with what PANNA's files have no place for. Nothing in it is code. That of a
committee has such a folder for each member, and a ``potential.json`` that names these.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from panna_exp import __version__
from panna_exp.assembly.saved import MODEL_FACTS, SavedPotential, from_folder, to_network_set
from panna_exp.errors import NetworkError
from panna_exp.files import read_json
from panna_exp.networks.panna import write_panna
from panna_exp.networks.ranges import write_ranges
from panna_exp.networks.repulsion import write_repulsion
from panna_exp.networks.sums import verify, write_listed

FACTS = MODEL_FACTS
FORMAT = "panna_exp potential"
FORMAT_VERSION, COMMITTEE_VERSION = 1, 2  # of one potential, of a committee
_PRECISIONS = ("float32", "float64")


def write_model(folder: Path, potential: SavedPotential, precision: str) -> None:
    """Writes the folder.

    Args:
        folder: Created if absent.
        potential: With a descriptor that is known.
        precision: What it was trained in: ``float32`` or ``float64``.

    Raises:
        NetworkError: Numbers that are not finite, or a folder that cannot be written.
    """
    write_panna(to_network_set(potential.networks, potential.descriptor), folder)
    write_ranges(potential.ranges, potential.symbols, folder)
    write_repulsion(potential.repulsion, folder)
    more = {"energy_rescale": potential.energy_rescale, "precision": precision}
    _write_facts(folder, FORMAT_VERSION, potential.name, more)


def write_committee(
    folder: Path, name: str, members: Sequence[SavedPotential], precision: str
) -> None:
    """Writes the folder of a committee; see :func:`write_model`.

    Args:
        folder: Created if absent.
        name: Of the committee.
        members: Of one descriptor, which is known.
        precision: What they were trained in.

    Raises:
        NetworkError: Numbers that are not finite, or a folder that cannot be written.
    """
    names = [f"member_{index}" for index in range(len(members))]
    for own, member in zip(names, members, strict=True):
        write_model(folder / own, member, precision)
    _write_facts(folder, COMMITTEE_VERSION, name, {"members": names})


def _write_facts(folder: Path, version: int, name: str, more: Mapping[str, Any]) -> None:
    facts = {
        "format": FORMAT,
        "format_version": version,
        "panna_exp": __version__,
        "torch": str(torch.__version__),
        "name": name,
        **more,
        "units": {"length": "angstrom", "energy": "eV"},
    }
    write_listed(folder / FACTS, (json.dumps(facts, indent=1) + "\n").encode())


def read_members(folder: Path) -> tuple[list[SavedPotential], torch.dtype]:
    """Returns the members of a committee, or one potential, and their precision.

    Raises:
        NetworkError: The folder is damaged, or was written by a version whose format is another.
    """
    facts = _read_facts(folder / FACTS)
    if facts["format_version"] == FORMAT_VERSION:
        potential, dtype = read_model(folder)
        return [potential], dtype
    found = [read_model(folder / name) for name in facts["members"]]
    return [potential for potential, _ in found], found[0][1]


def read_model(folder: Path) -> tuple[SavedPotential, torch.dtype]:
    """Returns one potential and its precision.

    Raises:
        NetworkError: The folder is damaged, or was written by a version whose format is another.
    """
    facts = _read_facts(folder / FACTS)
    if facts["format_version"] != FORMAT_VERSION:
        raise NetworkError(f"{folder}: holds a committee, expected one potential")
    potential = from_folder(folder, None)
    if potential.descriptor.parameters is None:
        raise NetworkError(f"{folder}: does not say which descriptor its networks take")
    potential = replace(
        potential, name=str(facts["name"]), energy_rescale=float(facts["energy_rescale"])
    )
    return potential, getattr(torch, facts["precision"])


def _read_facts(path: Path) -> dict[str, Any]:
    verify(path)
    try:
        facts = read_json(path)
    except FileNotFoundError:
        raise NetworkError(f"{path}: no such file: expected a model's folder") from None
    except ValueError as error:
        raise NetworkError(f"{path}: is not JSON: {error}") from None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise NetworkError(f'{path}: expected a JSON object with "format": "{FORMAT}"')
    version = facts.get("format_version")
    if version not in (FORMAT_VERSION, COMMITTEE_VERSION):
        writer = facts.get("panna_exp", "another version")
        raise NetworkError(
            f"{path}: has the format version {version}, written by panna_exp {writer}, but "
            f"panna_exp {__version__} reads {FORMAT_VERSION} and {COMMITTEE_VERSION}: install that "
            "version"
        )
    if version == COMMITTEE_VERSION:
        _check_members(facts.get("members"), path)
        return facts
    rescale = facts.get("energy_rescale")
    fits = isinstance(rescale, int | float) and rescale > 0
    if not fits or facts.get("precision") not in _PRECISIONS or "name" not in facts:
        raise NetworkError(
            f"{path}: expected name, energy_rescale (a number above 0) and precision "
            f"({' or '.join(_PRECISIONS)}): the file is damaged"
        )
    return facts


def _check_members(names: Any, path: Path) -> None:
    plain = isinstance(names, list) and names and all(isinstance(name, str) for name in names)
    if not plain or any(Path(name).name != name or name in ("", ".", "..") for name in names):
        raise NetworkError(f"{path}: members: expected names of folders beside it, found {names!r}")
