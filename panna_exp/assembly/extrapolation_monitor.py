"""Atoms of one structure against what every member of a potential was trained on."""

from collections.abc import Sequence

import numpy as np

from panna_exp.assembly.saved import SavedPotential
from panna_exp.data.extrapolation import outside
from panna_exp.data.ranges import Ranges
from panna_exp.data.structures import Descriptors, Floats, Ints
from panna_exp.descriptors.info import Descriptor
from panna_exp.descriptors.meaning import components
from panna_exp.errors import DataError

# Less than this outside is not a reason to stop a simulation and look.
MARGIN = 0.001


class ExtrapolationMonitor:
    """Says how far atoms are outside the ranges of the training sets, and once which.

    Args:
        members: Of the potential.
        descriptor: The descriptor that they take.

    Raises:
        DataError: A member that does not say the ranges of its training set.
    """

    def __init__(self, members: Sequence[SavedPotential], descriptor: Descriptor) -> None:
        self._ranges: list[Ranges] = []
        for member in members:
            if member.ranges is None:
                raise DataError(
                    f"{member.label}: does not say what it was trained on, so extrapolation cannot "
                    "be watched: leave extrapolation out, or extract or train the networks again"
                )
            self._ranges.append(member.ranges)
        self._symbols = members[0].symbols
        self._meanings = components(descriptor)

    def excess(self, descriptors: Descriptors, species: Ints) -> tuple[Floats, str]:
        """Compares atoms with the ranges of each member; the worst of these counts.

        Returns:
            [A] how far outside, in widths of a range, 0 inside; and a sentence on the worst atom,
            empty where all are inside.
        """
        found = [outside(descriptors, species, ranges, MARGIN) for ranges in self._ranges]
        table = np.stack([item.excess for item in found])
        worst = table.max(axis=0)
        atom = int(worst.argmax())
        if not worst[atom] > 0:
            return worst, ""
        member = int(table[:, atom].argmax())
        symbol = self._symbols[species[atom]]
        place = int(found[member].component[atom])
        if place < 0:
            return worst, f"atom {atom} is {symbol}, of which training had no atom"
        ranges = self._ranges[member]
        low, high = (bound[species[atom], place] for bound in (ranges.low, ranges.high))
        return worst, (
            f"atom {atom} ({symbol}) is outside what the potential was trained on: "
            f"{self._meanings[place]} is {descriptors[atom, place]:.4g}, in training it was "
            f"{low:.4g} to {high:.4g}"
        )
