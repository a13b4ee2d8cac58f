"""A sweep's metric against each of the values that were swept."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import Any

from panna_exp.evaluation.plots import COLOURS, DOTS_PER_INCH, INK, plain
from panna_exp.files import write_atomic

_MOST_PANELS = 9  # of the keys with most values
_COLUMNS = 3
_WIDTH, _HEIGHT = 4.2, 3.4  # inches a panel
_LOG_RATIO = 50.0  # between the largest and the smallest number of a logarithmic axis
_LONGEST_TICK = 18


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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(keys))
    rows = -(-len(keys) // columns)
    figure = Figure(figsize=(max(5.5, _WIDTH * columns), _HEIGHT * rows + 0.4), layout="tight")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, key in zip(panels, keys, strict=False):
        _draw(axes, key, shown, connected=len(keys) == 1)
        axes.set_ylabel(plain(label))
    for axes in panels[len(keys) :]:
        axes.remove()
    best = min(job.metric for job in shown)
    figure.suptitle(
        plain(f"{len(shown)} jobs, best {label.partition(' (')[0]}: {best:.4g}"), fontsize=10
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    write_atomic(path, methodcaller("write", buffer.getvalue()))
    return True


def _keys(jobs: Sequence[Job]) -> list[str]:
    """Returns the keys of several values, those with most values first if not all can be shown."""
    names = dict.fromkeys(key for job in jobs for key in job.values)
    counts = {key: len({job.values.get(key) for job in jobs}) for key in names}
    several = [key for key in names if counts[key] > 1]
    most = sorted(several, key=lambda key: -counts[key])[:_MOST_PANELS]
    return [key for key in several if key in most]


def _draw(axes: Any, key: str, jobs: Sequence[Job], connected: bool) -> None:
    having = [job for job in jobs if key in job.values]
    places = _places(axes, key, [job.values[key] for job in having])
    points = sorted(zip(places, having, strict=True), key=lambda item: item[0])
    if connected:
        line = [(x, job.metric) for x, job in points if job.complete]
        axes.plot(*zip(*line, strict=True) if line else ([], []), color=COLOURS[0], alpha=0.4)
    for complete, face, name in ((True, COLOURS[0], ""), (False, "none", "pruned")):
        some = [(x, job.metric) for x, job in points if job.complete is complete]
        if some:
            axes.scatter(
                *zip(*some, strict=True),
                s=28,
                facecolors=face,
                edgecolors=COLOURS[0],
                label=name or None,
            )
    complete_points = [item for item in points if item[1].complete]
    if complete_points:
        x, best = min(complete_points, key=lambda item: item[1].metric)
        axes.scatter([x], [best.metric], s=110, facecolors="none", edgecolors=INK, label="best")
    if _is_wide([job.metric for job in having]):
        axes.set_yscale("log")
    axes.set_xlabel(plain(key))
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8)


def _places(axes: Any, key: str, texts: Sequence[str]) -> list[float]:
    """Returns where values are on the x axis: numbers as such, others side by side."""
    numbers = [_number(text) for text in texts]
    known = [number for number in numbers if number is not None]
    if len(known) == len(texts):
        if _is_wide(known):
            axes.set_xscale("log")
        return known
    names = list(dict.fromkeys(texts))
    axes.set_xticks(range(len(names)), [_short(name) for name in names], fontsize=8, rotation=20)
    return [float(names.index(text)) for text in texts]


def _short(name: str) -> str:
    return plain(name if len(name) <= _LONGEST_TICK else f"{name[: _LONGEST_TICK - 3]}...")


def _is_wide(numbers: Sequence[float]) -> bool:
    return min(numbers) > 0 and max(numbers) / min(numbers) >= _LOG_RATIO


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
