"""What evaluate says about atoms outside the ranges of the training set."""

from pathlib import Path

from panna_exp.assembly.datasets import DataPart
from panna_exp.assembly.descriptor import own_descriptor
from panna_exp.assembly.ranges import find_extrapolation
from panna_exp.assembly.saved import SavedPotential
from panna_exp.data.extrapolation import Extrapolation
from panna_exp.data.ranges import Ranges
from panna_exp.descriptors.meaning import components
from panna_exp.evaluation.extrapolation import extrapolation_text, write_extrapolation
from panna_exp.runs.command_line import display

_UNKNOWN = "extrapolation: not checked, the networks do not say what they were trained on"


class ExtrapolationCheck:
    """Compares one data set with the training sets of any number of networks.

    Args:
        margin: See :func:`panna_exp.data.extrapolation.outside`.
    """

    def __init__(self, margin: float) -> None:
        self._margin = margin
        self._last: tuple[Ranges, Extrapolation] | None = None

    def write(self, part: DataPart, potential: SavedPotential, folder: Path, name: str) -> str:
        """Writes ``{name}_extrapolation.tsv`` and returns what to print.

        The file of a weights folder is ``extrapolation.tsv``. Networks that do not say their
        ranges get none, and one of an earlier evaluation is removed.
        """
        path = folder / ("extrapolation.tsv" if name == "energies" else f"{name}_extrapolation.tsv")
        if potential.ranges is None:
            path.unlink(missing_ok=True)
            return _UNKNOWN
        if self._last is None or not self._last[0].same(potential.ranges):
            found = find_extrapolation(part, potential.ranges, self._margin)
            self._last = potential.ranges, found
        found = self._last[1]
        own = own_descriptor(part.sample)
        known = potential.descriptor
        if known.parameters is None and own is not None:
            known = own
        meanings = components(known)
        write_extrapolation(path, found, meanings, potential.symbols)
        text = extrapolation_text(found, meanings, potential.symbols)
        return f"{text}\natoms outside: {display(path)}" if len(found) else text
