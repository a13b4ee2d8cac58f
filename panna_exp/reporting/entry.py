"""A run on the page: its record, what was evaluated, and what could not be read of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import ascii_uppercase

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.errors import DataError
from panna_exp.reporting.evaluations import StoredEvaluation, chosen, evaluated, read_evaluation
from panna_exp.reporting.listing import key_overrides, one_line
from panna_exp.reporting.located import Located, locate
from panna_exp.reporting.run import Run
from panna_exp.reporting.timings import Timings, read_timings

# Predictions further than this from the errors beside them were written without the free atoms.
_OTHER = 0.1
_LONGEST_LABEL = 40
_UNKNOWN = (
    "This evaluation does not say which records of which files it is of: it was made by an older "
    "version, or the folder was used for other data since. No structure is shown; evaluate again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An evaluation on the page.

    Args:
        evaluation: S predictions.
        worst: Numbers of the structures with the largest errors per atom, the largest first.
        located: Those, in the data.
        free_atoms: [S] sum of the free atoms' energies (eV), where all compositions are known.
        others: Names of more checkpoints that were evaluated on the same data.
        notes: Sentences about what could not be read.
    """

    evaluation: StoredEvaluation
    worst: Sequence[int]
    located: Located
    free_atoms: Floats | None
    others: Sequence[str]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One run of the page.

    Args:
        letter: What it is called there, e.g. in the figures.
        index: Its place, which decides its colour.
        run: Its record.
        shown: Its folder as the user types it.
        evaluating: The command that evaluates it.
        evaluations: By the name of the data, the run's own validation data first.
        timings: From its log.
        notes: Sentences about what could not be read.
        swept: The overrides in which it differs from the other runs of the page.
    """

    letter: str
    index: int
    run: Run
    shown: str
    evaluating: str
    evaluations: Mapping[str, Shown]
    timings: Timings
    notes: list[str] = field(default_factory=list)
    swept: str = ""

    @property
    def title(self) -> str:
        """Letter and folder."""
        return f"{self.letter}: {self.shown}"

    @property
    def label(self) -> str:
        """Letter and what tells the run from the others: its overrides, else its folder."""
        name = self.swept or self.run.name
        short = name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1]}…"
        return one_line(f"{self.letter}: {short}")


def with_swept(entries: Sequence[Entry]) -> list[Entry]:
    """Returns the runs, each with the overrides in which they differ, less what all have."""
    typed = [key_overrides(entry.run) for entry in entries]
    common = set.intersection(*map(set, typed)) if typed else set()
    return [
        replace(entry, swept=" ".join(_short(item) for item in items if item not in common))
        for entry, items in zip(entries, typed, strict=True)
    ]


def _short(override: str) -> str:
    """``training.learning_rate=0.1`` as ``learning_rate=0.1``."""
    key, equals, value = override.partition("=")
    return f"{key.rpartition('.')[2]}{equals}{value}"


def make_entry(
    run: Run,
    index: int,
    shown: str,
    evaluating: str,
    data: Sequence[str] = (),
    warn: Callable[[str], None] = print,
    worst: int = 0,
) -> Entry:
    """Reads what the page shows of a run.

    Args:
        run: Its record.
        index: Its place on the page.
        shown: Its folder as the user types it.
        evaluating: The command that evaluates it.
        data: More places of data files.
        warn: Told in one line of evaluations that cannot be read.
        worst: How many of the structures with the largest errors to look up.

    Raises:
        DataError: The record of the run is damaged.
        OSError: A file cannot be read.
    """
    notes: list[str] = []
    evaluations: dict[str, Shown] = {}
    for paths in evaluated(run):
        path = chosen(run, paths)
        others = [item.stem for item in paths if item != path]
        try:
            item = _show(run, read_evaluation(path), data, worst, others)
        except DataError as error:
            warn(str(error))
            notes.append(f"The evaluation cannot be read: {error}.")
        else:
            name = item.evaluation.data_name
            evaluations[name if name not in evaluations else path.parent.name] = item
    return Entry(
        letter=_letter(index),
        index=index,
        run=run,
        shown=shown,
        evaluating=evaluating,
        evaluations=evaluations,
        timings=read_timings(run.path),
        notes=notes,
    )


def _show(
    run: Run,
    evaluation: StoredEvaluation,
    places: Sequence[str],
    worst: int,
    others: Sequence[str],
) -> Shown:
    """Looks up the structures of an evaluation that the page shows."""
    notes: list[str] = []
    free_atoms = _free_atoms(run, evaluation)
    evaluation = _with_free_atoms(evaluation, free_atoms, notes)
    rows = evaluation.worst(worst)
    located = Located()
    if evaluation.data is not None:
        located = locate(evaluation.data, rows, places)
    elif rows:
        located.notes.append(_UNKNOWN)
    return Shown(
        evaluation=evaluation,
        worst=rows,
        located=located,
        free_atoms=free_atoms,
        others=others,
        notes=notes,
    )


def _letter(index: int) -> str:
    """Returns A, B, ... Z, AA, AB, ..."""
    text, left = "", index + 1
    while left:
        left, digit = divmod(left - 1, len(ascii_uppercase))
        text = ascii_uppercase[digit] + text
    return text


def _free_atoms(run: Run, evaluation: StoredEvaluation) -> Floats | None:
    if evaluation.data is None:
        return None
    energies = run.group("environment", "data", "reference_energies")
    values = [energies.get(symbol) for symbol in evaluation.data.species]
    if not all(isinstance(value, int | float) for value in values):
        return None
    total: Floats = evaluation.data.counts.astype(np.float64) @ np.array(values, dtype=np.float64)
    return total


def _with_free_atoms(
    evaluation: StoredEvaluation, free_atoms: Floats | None, notes: list[str]
) -> StoredEvaluation:
    """Adds the free atoms' energies to predictions that were written without (add_offset=false)."""
    known = evaluation.errors("energy").get("mae_mev_per_atom")
    if not isinstance(known, int | float):
        return evaluation

    def fits(candidate: StoredEvaluation) -> bool:
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
