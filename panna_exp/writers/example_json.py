"""PANNA's ``.example`` files: a folder with one JSON file per structure.

The file name up to its first dot is the structure's key, as PANNA has it. Structures whose names
cannot be file names, are there twice or are empty get their index (from 0) in the file name.
Numbers are written so that reading gives the same float64.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.writers.parts import Part, parts_of
from panna_exp.writers.save import Progress

_LONGEST = 200  # bytes; file systems take 255


def write(
    folder: Path, structures: StructureSet, species: Species, progress: Progress
) -> str | None:
    """Writes into an existing empty folder; returns a note if names were changed."""
    names = file_names(structures.names)
    for index, part in enumerate(parts_of(structures, species)):
        text = json.dumps(_content(part), ensure_ascii=False)
        (folder / f"{names[index]}.example").write_text(text + "\n", encoding="utf-8")
        progress(index + 1, len(structures))
    changed = sum(old not in ("", new) for old, new in zip(structures.names, names, strict=True))
    if not changed:
        return None
    return f"{changed} names were changed to be file names; the files have them as 'name'"


def file_names(names: Sequence[str]) -> list[str]:
    """Returns names that are unique, whatever the case, and possible as file names."""
    width = len(str(max(len(names) - 1, 0)))
    usual = Counter(name.lower() for name in names)
    taken = {name.lower() for name in names if _is_possible(name) and usual[name.lower()] == 1}
    found = []
    for index, name in enumerate(names):
        if name.lower() in taken:
            found.append(name)
            continue
        safe = re.sub(r"[^\w+=,@-]+|^-", "_", name, flags=re.ASCII)[: _LONGEST - 20]
        stem = f"{safe or 'structure'}_{index:0{width}}"
        while stem.lower() in taken:
            stem += "_"
        found.append(stem)
    return found


def _is_possible(name: str) -> bool:
    """No dot: PANNA takes the name up to the first one."""
    harmless = not re.search(r'[\x00-\x1f\x7f/\\.:*?"<>|]|^[-~ ]| $|^$', name)
    return harmless and len(name.encode()) <= _LONGEST


def _content(part: Part) -> dict[str, Any]:
    positions = part.positions.tolist()
    atoms = [[index + 1, symbol, positions[index]] for index, symbol in enumerate(part.symbols)]
    if part.forces is not None:
        for row, force in zip(atoms, part.forces.tolist(), strict=True):
            row.append(force)
    content: dict[str, Any] = {
        "atoms": atoms,
        "atomic_position_unit": "cartesian",
        "unit_of_length": "angstrom",
        "energy": [part.energy, "eV"],
    }
    if part.pbc.any():
        content["lattice_vectors"] = part.cell.tolist()
    if part.name:
        content["name"] = part.name
    return content
