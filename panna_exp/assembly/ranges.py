"""Ranges of descriptor components in a training set, and what lies outside them in another one."""

import logging
from collections.abc import Iterable, Iterator

import numpy as np

from panna_exp.assembly.datasets import DataPart
from panna_exp.data.extrapolation import Extrapolation, outside
from panna_exp.data.ranges import RangeCounter, Ranges, Statistics
from panna_exp.data.structures import Floats, Ints, StructureSet
from panna_exp.descriptors.rows import chunks
from panna_exp.elements import Species
from panna_exp.training.checkpoint import Checkpoint

logger = logging.getLogger(__name__)

# Atoms compared at a time.
_ATOMS = 16_384


def training_ranges(part: DataPart, num_species: int, saved: Checkpoint | None) -> Ranges:
    """Returns the ranges of a training set, and of what a continued training learned from before.

    Args:
        part: The training set.
        num_species: T.
        saved: What the training continues from.
    """
    before = None if saved is None else saved.ranges
    if before is not None and (before.low.shape != (num_species, part.size)):
        before = None
    if saved is not None and saved.stream.get("fingerprint") == part.fingerprint and before:
        return before
    if part.stream is not None:
        logger.info("one pass over the data for the ranges of their descriptors")
    found = Ranges.empty(num_species, part.size)
    for _, structures in _pieces(part):
        assert structures.descriptors is not None
        own = Ranges.of(structures.descriptors, structures.species, num_species)
        found = found.widened(own)
    return found if before is None else found.widened(before)


def training_statistics(part: DataPart, num_species: int) -> Statistics:
    """Returns ranges, means and deviations of the descriptors of a training set."""
    counter = RangeCounter(num_species, part.size)
    for _, structures in _pieces(part):
        assert structures.descriptors is not None
        counter.add(structures.descriptors, structures.species)
    return counter.statistics()


def warn_of_untrained(ranges: Ranges, species: Species, known: Iterable[str]) -> None:
    """Warns of species that no training structure has and no saved network knows.

    Args:
        ranges: Of all that the networks learn from.
        species: The species list.
        known: Symbols whose networks were trained before.
    """
    new = [s for s, n in zip(species, ranges.counts.tolist(), strict=True) if not n]
    for symbol in new:
        if symbol not in known:
            logger.warning(
                "%s is in data.species, but no training structure has it: its network is untrained "
                "and stays so, errors of structures with %s mean nothing, and predictions for them "
                "are refused",
                symbol,
                symbol,
            )


def find_extrapolation(part: DataPart, ranges: Ranges, margin: float) -> Extrapolation:
    """Compares every atom of a data set with the ranges of a training set.

    Args:
        part: With descriptors, in memory or read piece by piece.
        ranges: Of the same descriptor.
        margin: How far outside a component may be without being named, in widths of its range.
    """
    columns: list[tuple[Ints | Floats, ...]] = []
    for first, structures in _pieces(part):
        assert structures.descriptors is not None
        values, species = structures.descriptors, structures.species
        found = outside(values, species, ranges, margin)
        atoms = np.flatnonzero(found.excess > 0)
        owner = np.searchsorted(structures.offsets, atoms, side="right") - 1
        place = found.component[atoms]
        known = place >= 0
        worst = np.maximum(place, 0)
        limits = (ranges.low[species[atoms], worst], ranges.high[species[atoms], worst])
        numbers = (values[atoms, worst].astype(np.float64), *limits)
        columns.append(
            (
                first + owner,
                atoms - structures.offsets[owner],
                species[atoms],
                place,
                found.number[atoms],
                *(np.where(known, item, np.nan) for item in numbers),
                found.excess[atoms],
            )
        )
    names = (
        *("structure", "atom", "species", "component", "number"),
        *("value", "low", "high", "excess"),
    )
    joined = {
        name: np.concatenate([item[place] for item in columns]) for place, name in enumerate(names)
    }
    order = np.argsort(-joined["excess"], kind="stable")
    return Extrapolation(
        names=part.structures.names,
        origins=part.structures.origins,
        num_atoms=int(part.structures.offsets[-1]),
        **{name: values[order] for name, values in joined.items()},
    )


def _pieces(part: DataPart) -> Iterator[tuple[int, StructureSet]]:
    """Yields the data set in parts, each with the number of its first structure."""
    if part.stream is None:
        for some, atoms in chunks(part.structures.offsets, _ATOMS):
            yield some.start, _without_labels(part.structures, some, atoms)
        return
    count, window = len(part.structures), part.stream.window()
    for start in range(0, count, window):
        yield start, part.stream.read(np.arange(start, min(start + window, count)))


def _without_labels(structures: StructureSet, some: slice, atoms: slice) -> StructureSet:
    """Some consecutive structures without copies of what is not compared."""
    assert structures.descriptors is not None
    count = some.stop - some.start
    return StructureSet(
        names=[""] * count,
        origins=[""] * count,
        offsets=structures.offsets[some.start : some.stop + 1] - structures.offsets[some.start],
        species=structures.species[atoms],
        energy=structures.energy[some],
        cell=structures.cell[some],
        pbc=structures.pbc[some],
        descriptors=structures.descriptors[atoms],
    )
