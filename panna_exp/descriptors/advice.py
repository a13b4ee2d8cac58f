"""Where a descriptor does not fit the data, in words."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.ranges import Statistics
from panna_exp.data.structures import Floats, Ints
from panna_exp.descriptors import shapes
from panna_exp.descriptors.coverage import Coverage, middles
from panna_exp.descriptors.info import Parameters
from panna_exp.descriptors.meaning import Component

# A function sees a distance or an angle where it has at least this part of its maximum.
SEEN = 0.1
# What the cutoff function takes below this is meant to be unseen.
_FADED = 0.05
# Blocks of components that a sentence names.
_BLOCKS = 5
# Shares below this are not worth a word.
_FRACTION = 0.001


def component_warnings(
    statistics: Statistics, meanings: Sequence[Component], symbols: Sequence[str]
) -> list[str]:
    """Returns sentences on components that say nothing."""
    found = []
    counts = statistics.ranges.counts
    absent = [symbol for symbol, count in zip(symbols, counts, strict=True) if not count]
    if absent:
        found.append(
            f"no atom is {_either(absent)}: leave {'it' if len(absent) == 1 else 'them'} out of "
            "data.species, for components without a neighbour cost time and teach nothing"
        )
    zero, constant = statistics.zero, statistics.constant
    for index in np.flatnonzero(counts).tolist():
        where = f"around {symbols[index]} ({counts[index]:,} atoms)"
        if zero[index].any():
            found.append(
                f"{where}: {zero[index].sum()} of {len(meanings)} components are zero in every "
                f"atom{_blocks(zero[index], meanings)}"
            )
        flat = constant[index] & ~zero[index]
        if flat.any():
            found.append(
                f"{where}: {flat.sum()} of {len(meanings)} components are the same in every atom "
                f"and not zero{_blocks(flat, meanings)}"
            )
    groups = statistics.duplicates()
    if groups:
        first = groups[0]
        found.append(
            f"{sum(len(group) - 1 for group in groups)} components equal another one in every "
            f"atom, such as {first[1]} ({meanings[first[1]]}) and {first[0]} "
            f"({meanings[first[0]]}): leave out centres, or species"
        )
    return found


def coverage_warnings(
    parameters: Parameters, coverage: Coverage, symbols: Sequence[str]
) -> list[str]:
    """Returns sentences on distances and angles that the functions do not see."""
    found = [
        f"{count} atoms of {symbol} have no neighbour within {coverage.cutoff_radial:g} A: their "
        "descriptors are zero"
        for symbol, count in zip(symbols, coverage.alone, strict=True)
        if count
    ]
    if not coverage.distances.any():
        return [*found, "no two atoms are within the radial cutoff: nothing can be learned"]
    found += _unseen_distances(parameters, coverage)
    if not coverage.angles.any():
        return [
            *found,
            f"no atom has two neighbours within the angular cutoff, {coverage.cutoff_angular:g} A: "
            "all angular components are zero",
        ]
    return found + _unseen_angles(parameters, coverage)


def _unseen_distances(parameters: Parameters, coverage: Coverage) -> list[str]:
    distance = middles(coverage.distance_edges)
    counts = coverage.distances.sum(axis=(0, 1))
    strong = shapes.cutoff(distance, coverage.cutoff_radial) >= _FADED
    unseen = (shapes.radial(parameters, distance).max(axis=0) < SEEN) & strong
    return _shares(
        unseen,
        np.where(strong, counts, 0),
        distance,
        parameters.radial_centers,
        "distances are seen by no radial function",
    )


def _unseen_angles(parameters: Parameters, coverage: Coverage) -> list[str]:
    counts = coverage.angles.sum(axis=(0, 1))
    mean, angle = middles(coverage.mean_edges), middles(coverage.angle_edges)
    strong = shapes.cutoff(mean, coverage.cutoff_angular) ** 2 >= _FADED
    counts = np.where(strong[:, None], counts, 0)
    far = (shapes.angular_distance(parameters, mean).max(axis=0) < SEEN) & strong
    found = _shares(
        far,
        counts.sum(axis=1),
        mean,
        getattr(parameters, "angular_centers", ()),
        "pairs of neighbours are at a mean distance that no angular function sees",
    )
    aside = shapes.angle(parameters, angle).max(axis=0) < SEEN
    by_angle = counts.sum(axis=0)
    fraction = _fraction(aside, by_angle)
    if fraction > _FRACTION:
        seen = np.degrees(angle[aside & (by_angle > 0)])
        low, high = seen[0], seen[-1]
        found.append(
            f"{fraction:.1%} of the angles are seen by no angular function (below {SEEN:g} of its "
            f"maximum), between {low:.0f} and {high:.0f} degrees: use more angles, or a smaller "
            "zeta"
        )
    return found


def _shares(
    unseen: NDArray[np.bool_],
    counts: Ints,
    distance: Floats,
    centers: Sequence[float],
    what: str,
) -> list[str]:
    """Sentences on what lies beyond the last centre, before the first, and between."""
    found = []
    low, high = (min(centers), max(centers)) if centers else (np.inf, np.inf)
    beyond, before = distance > high, distance < low
    for part, place, remedy in (
        (beyond, f"beyond the last centre, {high:.3g} A", "add centres"),
        (before, f"before the first centre, {low:.3g} A", "begin the centres earlier"),
        (~beyond & ~before, "between two centres", "add centres, or make eta smaller"),
    ):
        fraction = _fraction(unseen & part, counts)
        if fraction > _FRACTION:
            seen = distance[unseen & part & (counts > 0)]
            where = f"{place}, from {seen.min():.3g} to {seen.max():.3g} A"
            if not centers:
                where, remedy = where.partition(", ")[2], "make eta smaller"
            found.append(
                f"{fraction:.1%} of the {what} (below {SEEN:g} of its maximum), {where}: {remedy}"
            )
    return found


def _fraction(part: NDArray[np.bool_], counts: Ints) -> float:
    total = int(counts.sum())
    return float(counts[part].sum() / total) if total else 0.0


def _blocks(chosen: NDArray[np.bool_], meanings: Sequence[Component]) -> str:
    """Names components by block, many first: ``: all 16 radial O, 3 of 32 angular H-O``."""
    if meanings[0].kind == "unknown":
        return ""
    blocks: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for index, item in enumerate(meanings):
        blocks.setdefault((item.kind, item.species), []).append(index)
    parts = []
    for (kind, species), members in blocks.items():
        own = [index for index in members if chosen[index]]
        name = f"{kind} {'-'.join(species)}".strip()
        centres = [meanings[index].values.get("centre") for index in own]
        known = [centre for centre in centres if centre is not None]
        if len(own) == len(members):
            parts.append((len(own), f"all {len(own)} {name}"))
        elif own:
            span = f" (centres {min(known):.3g} to {max(known):.3g} A)" if known else ""
            parts.append((len(own), f"{len(own)} of {len(members)} {name}{span}"))
    parts.sort(key=lambda item: -item[0])
    shown = [text for _, text in parts[:_BLOCKS]]
    more = sum(count for count, _ in parts[_BLOCKS:])
    return f": {', '.join(shown)}" + (f", and {more} more" if more else "")


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
