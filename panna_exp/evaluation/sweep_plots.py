"""A sweep's metric against each of the values that were swept."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

from panna_exp.evaluation.figures import new_figure, write_png
from panna_exp.evaluation.plots import COLOURS, INK, plain

_MOST_PANELS = 9  # of the keys with most values
_COLUMNS = 3
_WIDTH, _HEIGHT = 4.2, 3.4  # inches a panel
_LOG_RATIO = 50.0  # between the largest and the smallest number of a logarithmic axis
_LEAST_RATIO = 10.0  # the same where the numbers are a geometric series
_LEAST_STEP = 0.1  # of a logarithmic axis between ticks
_LONGEST_TICK, _LONGEST_LABEL = 18, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A point of the plot.

    Args:
        values: Of the swept keys, as text.
        metric: The smaller the better.
        complete: False for a job that was pruned.
    """

    values: Mapping[str, str]
    metric: float
    complete: bool


def write_sweep_plot(path: Path, jobs: Sequence[Job], label: str) -> bool:
    """Writes a PNG with a panel a swept key; returns False where there is nothing to show.

    Args:
        path: The file to create or replace.
        jobs: With a finite metric or not: others are left out.
        label: The metric with its unit.
    """
    shown = [job for job in jobs if abs(job.metric) < float("inf")]
    keys = _keys(shown)
    if not keys:
        return False
    columns = min(_COLUMNS, len(keys))
    rows = -(-len(keys) // columns)
    figure = new_figure(max(5.5, _WIDTH * columns), _HEIGHT * rows + 0.4, layout="tight")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, key in zip(panels, keys, strict=False):
        _draw(axes, key, shown, _groups(key, keys, shown), connected=len(keys) <= 2)
        axes.set_ylabel(plain(label))
    for axes in panels[len(keys) :]:
        axes.remove()
    figure.suptitle(plain(_title(shown, label)), fontsize=10)
    write_png(path, figure)
    return True


def _keys(jobs: Sequence[Job]) -> list[str]:
    """Returns the keys of several values, those with most values first if not all can be shown."""
    names = dict.fromkeys(key for job in jobs for key in job.values)
    counts = {key: len({job.values.get(key) for job in jobs}) for key in names}
    several = [key for key in names if counts[key] > 1]
    most = sorted(several, key=lambda key: -counts[key])[:_MOST_PANELS]
    return [key for key in several if key in most]


def _title(jobs: Sequence[Job], label: str) -> str:
    text = f"{len(jobs)} jobs"
    complete = [job.metric for job in jobs if job.complete]
    return f"{text}, best {label.partition(' (')[0]}: {min(complete):.4g}" if complete else text


def _groups(key: str, keys: Sequence[str], jobs: Sequence[Job]) -> dict[str, list[Job]]:
    """Returns the jobs of a panel by what another key was, or as one group without a name.

    Args:
        key: Of the panel; jobs without it are left out.
        keys: Of all panels.
        jobs: Of the sweep.
    """
    having = [job for job in jobs if key in job.values]
    for other in keys:
        values = list(dict.fromkeys(job.values.get(other, "default") for job in having))
        if other != key and 1 < len(values) <= len(COLOURS):
            return {
                f"{other}={value}": [
                    job for job in having if job.values.get(other, "default") == value
                ]
                for value in values
            }
    return {"": having}


def _draw(
    axes: Any, key: str, jobs: Sequence[Job], groups: Mapping[str, Sequence[Job]], connected: bool
) -> None:
    having = [job for job in jobs if key in job.values]
    places = dict(
        zip(
            [job.values[key] for job in having],
            _places(axes, [job.values[key] for job in having]),
            strict=True,
        )
    )
    # A search has hardly two jobs of one value: lines through its points would say nothing.
    is_grid = 2 * len(having) > len(set(places.values())) * len(groups)
    for (name, group), colour in zip(groups.items(), COLOURS, strict=False):
        points = sorted(((places[job.values[key]], job) for job in group), key=itemgetter(0))
        complete = [(x, job.metric) for x, job in points if job.complete]
        if connected and is_grid and complete:
            axes.plot(*zip(*complete, strict=True), color=colour, alpha=0.4)
        for some, face in (
            (complete, colour),
            ([(x, job.metric) for x, job in points if not job.complete], "none"),
        ):
            if some:
                axes.scatter(*zip(*some, strict=True), s=28, facecolors=face, edgecolors=colour)
        if name:
            axes.scatter([], [], s=28, color=colour, label=_short(name, _LONGEST_LABEL))
    if not all(job.complete for job in having):
        axes.scatter([], [], s=28, facecolors="none", edgecolors=INK, label="pruned")
    done = [job for job in having if job.complete]
    if done:
        best = min(done, key=lambda job: job.metric)
        place = [places[best.values[key]]], [best.metric]
        axes.scatter(*place, s=110, facecolors="none", edgecolors=INK, label="best")
    metrics = [job.metric for job in having]
    if min(metrics) > 0 and max(metrics) / min(metrics) >= _LOG_RATIO:
        axes.set_yscale("log")
    axes.set_xlabel(plain(key))
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8)


def _places(axes: Any, texts: Sequence[str]) -> list[float]:
    """Returns where values are on the x axis, which is set up: numbers as such, others in turn."""
    numbers = [_number(text) for text in texts]
    known = [number for number in numbers if number is not None]
    if len(known) == len(texts):
        _scale(axes, sorted(set(known)))
        return known
    names = list(dict.fromkeys(texts))
    ticks = [_short(name, _LONGEST_TICK) for name in names]
    axes.set_xticks(range(len(names)), ticks, fontsize=8, rotation=20)
    return [float(names.index(text)) for text in texts]


def _scale(axes: Any, values: Sequence[float]) -> None:
    """Chooses a linear or a logarithmic axis, and ticks that are values there could have been."""
    from matplotlib.ticker import NullLocator

    if not _is_logarithmic(values):
        if all(value == int(value) for value in values):
            axes.xaxis.get_major_locator().set_params(integer=True)
        return
    axes.set_xscale("log")
    steps = _steps([math.log(value) for value in values])
    if min(steps) > _LEAST_STEP * sum(steps):  # few, and no tick would lie on another
        axes.set_xticks(values, [f"{value:g}" for value in values], fontsize=8)
        axes.xaxis.set_minor_locator(NullLocator())


def _is_logarithmic(values: Sequence[float]) -> bool:
    """Whether sorted values are orders of magnitude apart, or a geometric series."""
    if len(values) < 2 or values[0] <= 0 or values[-1] / values[0] < _LEAST_RATIO:
        return False
    plain_steps, steps = _steps(values), _steps([math.log(value) for value in values])
    even = max(steps) / min(steps) <= max(plain_steps) / min(plain_steps)
    return even or values[-1] / values[0] >= _LOG_RATIO


def _steps(values: Sequence[float]) -> list[float]:
    return [high - low for low, high in pairwise(values)]


def _short(name: str, longest: int) -> str:
    return plain(name if len(name) <= longest else f"{name[: longest - 3]}...")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
