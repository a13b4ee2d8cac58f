"""Extended XYZ: ``Lattice``, ``pbc``, ``Properties``, labels and names in the second line.

Numbers are written so that reading gives the same float64. Energies are in eV, forces in
eV/angstrom; ASE takes both as results of a calculation. ``virial`` (eV) is what we read back; where
all three directions are periodic there is ``stress`` = -virial / volume (eV/angstrom^3) as well,
which ASE takes as a result.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from panna_exp.data.structures import Floats, StructureSet
from panna_exp.elements import Species
from panna_exp.writers.parts import Part, parts_of
from panna_exp.writers.save import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What is written besides, under names of its own.

    Args:
        values: [S] numbers of each structure, by name.
        columns: [A] or [A, n] numbers of each atom, by name.
        texts: [S] of each structure, by name.
    """

    values: Mapping[str, Floats] = field(default_factory=dict)
    columns: Mapping[str, Floats] = field(default_factory=dict)
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)


def write(
    path: Path,
    structures: StructureSet,
    species: Species,
    progress: Progress,
    additions: Additions | None = None,
) -> None:
    """Writes one file (DataError: there are no positions); energies that are NaN are left out."""
    more = additions or Additions()
    columns = {name: values.reshape(len(values), -1) for name, values in more.columns.items()}
    with path.open("w", encoding="utf-8") as file:
        for index, part in enumerate(parts_of(structures, species)):
            atoms = slice(structures.offsets[index], structures.offsets[index + 1])
            own = Additions(
                values={name: values[index] for name, values in more.values.items()},
                columns={name: values[atoms] for name, values in columns.items()},
                texts={name: [values[index]] for name, values in more.texts.items()},
            )
            file.write("\n".join(_lines(part, own)) + "\n")
            progress(index + 1, len(structures))


def _lines(part: Part, more: Additions) -> Iterator[str]:
    columns = dict(more.columns)
    if part.forces is not None:
        columns = {"forces": part.forces, **columns}
    yield str(len(part.symbols))
    yield _comment(part, columns, more)
    numbers = np.hstack([part.positions, *columns.values()])
    for symbol, row in zip(part.symbols, numbers.tolist(), strict=True):
        yield f"{symbol} {' '.join(map(repr, row))}"


def _comment(part: Part, columns: Mapping[str, Floats], more: Additions) -> str:
    items = []
    if part.pbc.any():
        items.append(f'Lattice="{" ".join(map(repr, part.cell.ravel().tolist()))}"')
    titles = [f":{name}:R:{array.shape[1]}" for name, array in columns.items()]
    properties = f"Properties=species:S:1:pos:R:3{''.join(titles)}"
    energy = [] if math.isnan(part.energy) else [f"energy={part.energy!r}"]
    items += [properties, *energy, *_strain(part)]
    items += [f"{name}={float(value)!r}" for name, value in more.values.items()]
    items += [f"{name}={_quoted(text)}" for name, (text,) in more.texts.items()]
    if part.name:
        items.append(f"name={_quoted(part.name)}")
    if part.config_type:
        items.append(f"config_type={_quoted(part.config_type)}")
    if part.trajectory:
        items.append(f"trajectory={_quoted(part.trajectory)}")
    items += _weights(part)
    items.append('pbc="' + " ".join("T" if flag else "F" for flag in part.pbc) + '"')
    return " ".join(items)


def _weights(part: Part) -> list[str]:
    """The weights of energy, forces and virial, as one where they are the same."""
    if part.weights is None:
        return []
    energy, forces, virial = part.weights.tolist()
    if energy == forces == virial:
        return [f"config_weight={energy!r}"]
    names = ("config_energy_weight", "config_forces_weight", "config_stress_weight")
    return [f"{name}={value!r}" for name, value in zip(names, part.weights.tolist(), strict=True)]


def _strain(part: Part) -> list[str]:
    """Virial and stress, whose matrices ASE reads column by column."""
    if part.virial is None:
        return []
    items = {"virial": part.virial}
    if part.pbc.all():
        items["stress"] = -part.virial / abs(np.linalg.det(part.cell))
    return [
        f'{key}="{" ".join(map(repr, matrix.ravel(order="F").tolist()))}"'
        for key, matrix in items.items()
    ]


def _quoted(text: str) -> str:
    """A text on one line as ASE reads it back, quotes and backslashes escaped."""
    line = " ".join(text.split())
    if all(_is_value(word) for word in re.findall(r"[^\s,]+", line)) or line.startswith("_JSON "):
        line = f"_JSON {json.dumps(line)}"  # or it would come back as a number or truth value
    escaped = line.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_value(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return word.lower() in ("t", "f", "true", "false")
    return True
