"""Plots of descriptor functions against distances and angles in data, and of component ranges."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.data.ranges import Statistics
from panna_exp.data.structures import Floats, Ints
from panna_exp.descriptors import shapes
from panna_exp.descriptors.coverage import Coverage, middles
from panna_exp.descriptors.info import Parameters
from panna_exp.descriptors.meaning import Component
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.evaluation.figures import new_figure, write_png
from panna_exp.evaluation.plots import COLOURS, INK, grid

_FUNCTION = "#999999"
_POINTS = 600
# Smaller values are drawn at the lower edge.
_LOWEST = 1e-4


def write_radial_plot(path: Path, parameters: Parameters, coverage: Coverage) -> None:
    """Writes a PNG: radial functions above the distances in the data, by pair of species."""
    figure = new_figure(9.0, 6.0)
    functions, histogram = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
    end = coverage.cutoff_radial
    distance = np.linspace(0.0, end, _POINTS)
    values = shapes.radial(parameters, distance) * shapes.cutoff(distance, end)
    functions.plot(distance, values.T, color=_FUNCTION, linewidth=0.8)
    functions.plot(distance, shapes.cutoff(distance, end), color=INK, linewidth=0.8, linestyle=":")
    functions.set(ylabel="radial functions", ylim=(0, 1.05))
    functions.set_title(
        f"{len(values)} radial functions (dotted: cutoff function) and the distances in the data",
        fontsize=10,
    )
    symbols = parameters.species
    both = coverage.distances + coverage.distances.transpose(1, 0, 2)
    groups = [
        (f"{symbols[i]}-{symbols[j]}", both[i, j] // 2 if i == j else both[i, j])
        for i in range(len(symbols))
        for j in range(i, len(symbols))
    ]
    _stacked(histogram, coverage.distance_edges, groups)
    histogram.set(xlabel="distance (A)", ylabel="directed pairs a bin", xlim=(0, end))
    write_png(path, figure)


def write_angular_plot(path: Path, parameters: Parameters, coverage: Coverage) -> None:
    """Writes a PNG: angular functions by mean distance and by angle, and the triples there are."""
    figure = new_figure(12.0, 7.0)
    axes = figure.subplots(2, 3, height_ratios=(2, 3), width_ratios=(3, 3, 3.4))
    symbols = parameters.species
    names = [f"{one}-{two}" for i, one in enumerate(symbols) for two in symbols[i:]]
    counts = coverage.angles.sum(axis=0)  # [U, mean, angle]
    end = coverage.cutoff_angular
    mean = np.linspace(0.0, end, _POINTS)
    by_mean = shapes.angular_distance(parameters, mean)
    angle = np.linspace(0.0, np.pi, _POINTS)
    by_angle = shapes.angle(parameters, angle)
    _curves(axes[0, 0], mean, by_mean * shapes.cutoff(mean, end) ** 2, "distance part")
    _curves(axes[0, 1], np.degrees(angle), by_angle, "angle part")
    what = "neighbours' mean distance (A)"
    if not isinstance(parameters, MBPParameters):
        axes[0, 0].set_title(
            "distance part, both neighbours\nequally far, at a right angle", fontsize=10
        )
    groups = list(zip(names, counts.sum(axis=2), strict=True))
    _stacked(axes[1, 0], coverage.mean_edges, groups)
    axes[1, 0].set(xlabel=what, ylabel="triples a bin", xlim=(0, end))
    groups = list(zip(names, counts.sum(axis=1), strict=True))
    _stacked(axes[1, 1], np.degrees(coverage.angle_edges), groups, legend=False)
    axes[1, 1].set(xlabel="angle (degrees)", xlim=(0, 180), xticks=range(0, 181, 30))
    for column in range(2):
        limits = axes[1, column].get_xlim()
        axes[0, column].set_xticks(axes[1, column].get_xticks())  # which widen the limits
        axes[0, column].set_xlim(limits)
        axes[1, column].set_xlim(limits)
    _triple_map(figure, axes[:, 2], parameters, coverage, counts.sum(axis=0))
    axes[0, 0].set_ylabel("angular functions")
    write_png(path, figure)


def write_range_plot(
    path: Path, statistics: Statistics, meanings: Sequence[Component], symbols: Sequence[str]
) -> None:
    """Writes a PNG: a bar from the smallest to the largest value for each component."""
    seen = np.flatnonzero(statistics.ranges.counts).tolist()
    figure = new_figure(12.0, 1.0 + 2.4 * len(seen))
    rows = np.atleast_1d(figure.subplots(len(seen), 1, sharex=True))
    edges, names = _blocks(meanings)
    place = np.arange(len(meanings))
    wide = 0.8 if len(meanings) < 400 else 1.0
    for axes, index in zip(rows, seen, strict=True):
        low = np.maximum(statistics.ranges.low[index], _LOWEST)
        high = np.maximum(statistics.ranges.high[index], _LOWEST)
        axes.bar(place, high - low, bottom=low, width=wide, color=COLOURS[0], alpha=0.7)
        mean = np.maximum(statistics.mean[index], _LOWEST)
        axes.scatter(place, mean, s=4, color=INK, zorder=3, linewidths=0)
        for flags, colour, label in (
            (statistics.zero[index], COLOURS[5], "zero in every atom"),
            (statistics.constant[index] & ~statistics.zero[index], COLOURS[1], "constant"),
        ):
            if flags.any():
                axes.scatter(
                    place[flags],
                    np.full(flags.sum(), 1.6 * _LOWEST),
                    s=14,
                    marker="|",
                    color=colour,
                    label=f"{label} ({flags.sum()})",
                )
                axes.legend(loc="upper right", fontsize=8)
        axes.set_yscale("log")
        axes.set_ylim(_LOWEST, None)
        axes.set_ylabel(f"around {symbols[index]}")
        for edge in edges[1:-1]:
            axes.axvline(edge - 0.5, color=INK, linewidth=0.5)
    rows[0].set_title(
        f"smallest to largest value of each component (dot: mean; log scale from {_LOWEST:g})",
        fontsize=10,
    )
    rows[-1].set(xlim=(-0.5, len(meanings) - 0.5), xlabel="component, by block")
    if names:
        ticks = [(one + two) / 2 for one, two in pairwise(edges)]
        rows[-1].set_xticks(ticks, names, rotation=90 if len(names) > 8 else 0, fontsize=8)
    write_png(path, figure)


def _triple_map(
    figure: Any, axes: Any, parameters: Parameters, coverage: Coverage, counts: Ints
) -> None:
    """Draws triples by mean distance and angle over both rows of a column."""
    grid = axes[0].get_gridspec()
    for old in axes:
        old.remove()
    drawn = figure.add_subplot(grid[:, 2])
    shown = np.where(counts > 0, counts, np.nan)
    from matplotlib.colors import LogNorm

    mesh = drawn.pcolormesh(
        coverage.mean_edges,
        np.degrees(coverage.angle_edges),
        shown.T,
        cmap="viridis",
        norm=LogNorm(1, max(int(counts.max()), 2)),
    )
    figure.colorbar(mesh, ax=drawn, label="triples a bin")
    if isinstance(parameters, MBPParameters):
        mean, angle = np.meshgrid(parameters.angular_centers, np.degrees(parameters.thetas))
        drawn.scatter(
            mean.ravel(), angle.ravel(), s=16, marker="+", color=COLOURS[5], linewidths=0.9
        )
        drawn.set_title("triples in the data; crosses: angular functions", fontsize=10)
    else:
        drawn.set_title("triples in the data", fontsize=10)
    drawn.set(
        xlabel="neighbours' mean distance (A)",
        ylabel="angle (degrees)",
        xlim=(0, coverage.cutoff_angular),
        ylim=(0, 180),
    )


def _curves(axes: Any, points: Floats, values: Floats, title: str) -> None:
    axes.plot(points, values.T, color=_FUNCTION, linewidth=0.8)
    axes.set(ylim=(0, 1.05))
    axes.set_title(f"{len(values)} functions, {title}", fontsize=10)


def _stacked(
    axes: Any, edges: Floats, groups: Sequence[tuple[str, Ints]], legend: bool = True
) -> None:
    """Draws histograms on top of one another, the largest first and the smallest in one."""
    ordered = sorted((item for item in groups if item[1].any()), key=lambda item: -item[1].sum())
    if len(ordered) > len(COLOURS):
        rest = ordered[len(COLOURS) - 1 :]
        ordered = ordered[: len(COLOURS) - 1]
        ordered.append((f"{len(rest)} others", np.sum([item[1] for item in rest], axis=0)))
    if ordered:
        axes.hist(
            [middles(edges)] * len(ordered),
            bins=edges,
            weights=[item[1] for item in ordered],
            stacked=True,
            histtype="stepfilled",
            color=COLOURS[: len(ordered)],
            label=[item[0] for item in ordered],
        )
        if legend:
            axes.legend(fontsize=8)
    grid(axes)


def _blocks(meanings: Sequence[Component]) -> tuple[list[int], list[str]]:
    """Returns where blocks of components begin, with the end, and their names."""
    edges: list[int] = []
    names: list[str] = []
    for index, item in enumerate(meanings):
        name = f"{item.kind} {'-'.join(item.species)}".strip()
        if not names or names[-1] != name:
            edges.append(index)
            names.append(name)
    if names == ["unknown"]:
        return [0, len(meanings)], []
    return [*edges, len(meanings)], names
