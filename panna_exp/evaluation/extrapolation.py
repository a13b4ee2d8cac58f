"""Atoms outside the ranges of the training set, as a file and in words."""

from collections.abc import Sequence
from operator import methodcaller
from pathlib import Path

import numpy as np

from panna_exp.data.extrapolation import Extrapolation
from panna_exp.descriptors.meaning import Component
from panna_exp.evaluation.tables import Table
from panna_exp.files import write_atomic

_HEADER = (
    *("structure", "record", "atom", "species", "component", "meaning"),
    *("value", "train_min", "train_max", "excess", "components_outside"),
)
_WORST = 5


def write_extrapolation(
    path: Path, found: Extrapolation, meanings: Sequence[Component], symbols: Sequence[str]
) -> None:
    """Writes a line for each atom outside, the worst first, columns separated by tabs.

    Args:
        path: The file to create or replace.
        found: The atoms.
        meanings: D components.
        symbols: T species.
    """
    lines = ["\t".join(_HEADER)]
    for index in range(len(found)):
        structure = int(found.structure[index])
        cells = (
            found.names[structure] or str(structure),
            found.origins[structure],
            str(found.atom[index]),
            symbols[found.species[index]],
            str(found.component[index]),
            _meaning(found, index, meanings),
            *(f"{column[index]:.8g}" for column in (found.value, found.low, found.high)),
            f"{found.excess[index]:.4g}",
            str(found.number[index]),
        )
        lines.append("\t".join(cell.replace("\t", " ") for cell in cells))
    write_atomic(path, methodcaller("write", ("\n".join(lines) + "\n").encode()))


def extrapolation_text(
    found: Extrapolation, meanings: Sequence[Component], symbols: Sequence[str]
) -> str:
    """Returns a sentence, and a table of the worst few structures, each with its worst atom."""
    count, total = len(found.names), found.num_atoms
    if not len(found):
        return f"extrapolation: none, all {total:,} atoms are within the ranges of the training set"
    title = (
        f"extrapolation: {len(found):,} of {total:,} atoms, in {found.num_structures:,} of "
        f"{count:,} structures, are outside the ranges of the training set"
    )
    rows = []
    _, first = np.unique(found.structure, return_index=True)
    for index in np.sort(first)[:_WORST].tolist():
        structure = int(found.structure[index])
        known = found.component[index] >= 0
        rows.append(
            (
                found.names[structure] or found.origins[structure].rpartition("/")[2],
                f"{symbols[found.species[index]]} {found.atom[index]}",
                _meaning(found, index, meanings),
                f"{found.value[index]:.4g}" if known else "",
                f"{found.low[index]:.4g} to {found.high[index]:.4g}" if known else "",
                f"{found.excess[index]:.3g}" if np.isfinite(found.excess[index]) else "",
            )
        )
    table = Table(
        title=title,
        header=("structure", "atom", "component", "value", "in training", "excess"),
        rows=rows,
    )
    return table.to_text().rstrip()


def _meaning(found: Extrapolation, index: int, meanings: Sequence[Component]) -> str:
    place = int(found.component[index])
    if place < 0:
        return "no atom of this species in training"
    meaning = str(meanings[place])
    return f"component {place}" if meaning == "unknown" else meaning
