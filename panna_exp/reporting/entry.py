"""A run on the page: its record, what was evaluated, and what could not be read of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from string import ascii_uppercase

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.errors import DataError
from panna_exp.reporting.evaluations import Evaluation, chosen, evaluated, read_evaluation
from panna_exp.reporting.located import Located, counts, locate, species_of
from panna_exp.reporting.run import Run
from panna_exp.reporting.timings import Timings, read_timings

# Predictions further than this from the errors beside them were written without the free atoms.
_OTHER = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One run of the page.

    Args:
        letter: What it is called there, e.g. in the figures.
        number: Its place, which decides its colour.
        run: Its record.
        shown: Its folder as the user types it.
        evaluating: The command that evaluates it.
        evaluation: The S predictions that are shown, None without any.
        others: Names of more evaluations in the run directory.
        located: The structures of the evaluation.
        free_atoms: [S] sum of the free atoms' energies (eV), where all compositions are known.
        timings: From its log.
        notes: Sentences about what could not be read.
    """

    letter: str
    number: int
    run: Run
    shown: str
    evaluating: str
    evaluation: Evaluation | None
    others: Sequence[str]
    located: Located
    free_atoms: Floats | None
    timings: Timings
    notes: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Letter and folder."""
        return f"{self.letter}: {self.shown}"


def make_entry(
    run: Run,
    number: int,
    shown: str,
    evaluating: str,
    data: Sequence[str] = (),
    warn: Callable[[str], None] = print,
) -> Entry:
    """Reads what the page shows of a run.

    Args:
        run: Its record.
        number: Its place on the page.
        shown: Its folder as the user types it.
        evaluating: The command that evaluates it.
        data: More data files in which to look for structures.
        warn: Told in one line of evaluations that cannot be read.

    Raises:
        DataError: The record of the run is damaged.
        OSError: A file cannot be read.
    """
    notes: list[str] = []
    paths = evaluated(run)
    path = chosen(run, paths)
    evaluation = None
    located, free_atoms = Located(), None
    if path is not None:
        try:
            evaluation = read_evaluation(path)
        except DataError as error:
            warn(str(error))
            notes.append(f"The evaluation cannot be read: {error}.")
    if evaluation is not None:
        located = locate(run, evaluation, data)
        free_atoms = _free_atoms(run, evaluation, located)
        evaluation = _with_free_atoms(evaluation, free_atoms, notes)
    return Entry(
        letter=_letter(number),
        number=number,
        run=run,
        shown=shown,
        evaluating=evaluating,
        evaluation=evaluation,
        others=[item.stem for item in paths if item != path],
        located=located,
        free_atoms=free_atoms,
        timings=read_timings(run.path),
        notes=notes,
    )


def _letter(number: int) -> str:
    """Returns A, B, ... Z, AA, AB, ..."""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, len(ascii_uppercase))
        text = ascii_uppercase[digit] + text
    return text


def _free_atoms(run: Run, evaluation: Evaluation, located: Located) -> Floats | None:
    energies = run.group("environment", "data", "reference_energies")
    species = species_of(run)
    table = counts(located, evaluation, species)
    if table is None:
        return None
    values = [energies.get(symbol) for symbol in species]
    if not all(isinstance(value, int | float) for value in values):
        return None
    total: Floats = table @ np.array(values, dtype=np.float64)
    return total


def _with_free_atoms(
    evaluation: Evaluation, free_atoms: Floats | None, notes: list[str]
) -> Evaluation:
    """Adds the free atoms' energies to predictions that were written without (add_offset=false)."""
    known = evaluation.errors("energy").get("mae_mev_per_atom")
    if not isinstance(known, int | float):
        return evaluation

    def fits(candidate: Evaluation) -> bool:
        found = 1000 * float(np.abs(candidate.error / candidate.num_atoms).mean())
        return abs(found - known) <= _OTHER * known + 1.0

    if fits(evaluation):
        return evaluation
    if free_atoms is not None:
        added = replace(evaluation, predicted=evaluation.predicted + free_atoms)
        if fits(added):
            return added
    notes.append(
        f"The energies in {evaluation.path.name} do not have the errors of "
        f"{evaluation.path.with_suffix('.json').name}: errors of single structures are not shown."
    )
    return replace(evaluation, predicted=np.full_like(evaluation.predicted, np.nan))
