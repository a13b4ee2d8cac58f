"""The figure of a committee: errors against the spread of its members."""

from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.evaluation.committee import calibration, energy_points, force_points
from panna_exp.evaluation.figures import new_figure, write_png
from panna_exp.evaluation.plots import COLOURS, INK, grid, plain
from panna_exp.evaluation.predictions import Predictions

# More points than this are a picture of many megabytes in no more detail.
_MOST_POINTS = 20_000
_MOST_BINS, _LEAST_IN_BIN = 10, 5
_DECADES = 4.0  # below the largest value; smaller ones are drawn as if they were there
_MARGIN = 1.5  # a factor, so that these are whole


def write_uncertainty_plot(path: Path, predictions: Predictions, title: str) -> None:
    """Writes a PNG: absolute errors of energies, and of forces, against the members' spread.

    Points on the diagonal have an error of one standard deviation; the line is the root mean square
    error of points of similar spread.

    Args:
        path: The file to create or replace.
        predictions: With spreads.
        title: What was evaluated.
    """
    panels = [
        ("energy", "meV/atom", energy_points(predictions)),
        ("force component", "eV/angstrom", force_points(predictions)),
    ]
    shown = [(name, unit, points) for name, unit, points in panels if points is not None]
    figure = new_figure(5.2 * len(shown), 5.8)
    numbers = list(calibration(predictions).values())
    names: dict[str, Any] = {}
    for axes, (name, unit, points), found in zip(
        figure.subplots(1, len(shown), squeeze=False)[0], shown, numbers, strict=True
    ):
        _draw(axes, *points, found.error_over_spread)
        axes.set(
            xlabel=f"standard deviation of the members ({unit})",
            ylabel=f"error of the mean ({unit})",
        )
        ratio, rank = (
            "-" if value is None else f"{value:.2f}"
            for value in (found.error_over_spread, found.rank_correlation)
        )
        axes.set_title(
            f"{name}, {len(points[0])} values, miscalibration {found.miscalibration:.2f}\n"
            f"RMS error / spread {ratio}, rank correlation {rank}",
            fontsize=9,
        )
        artists, labels = axes.get_legend_handles_labels()
        names |= dict(zip(labels, artists, strict=True))
    figure.suptitle(plain(title), fontsize=11)
    # Below: points may be anywhere within.
    columns = len(names) if len(shown) > 1 else 2
    figure.legend(
        names.values(), names.keys(), loc="outside lower center", ncols=columns, fontsize=8
    )
    write_png(path, figure)


def _draw(axes: Any, spread: Floats, error: Floats, ratio: float | None) -> None:
    known = np.isfinite(spread) & np.isfinite(error)
    spread, error = spread[known], error[known]
    if len(spread) > _MOST_POINTS:
        some = np.random.default_rng(0).choice(len(spread), _MOST_POINTS, replace=False)
        spread, error = spread[some], error[some]
    high = float(max(spread.max(initial=0.0), error.max(initial=0.0))) or 1.0
    low = high / 10.0**_DECADES
    line = np.array([low / _MARGIN, 2.0 * high])
    axes.plot(line, line, color=INK, linewidth=0.8, label="one standard deviation")
    axes.plot(line, 2.0 * line, color=INK, linewidth=0.8, linestyle=":", label="two")
    if ratio is not None:
        axes.plot(line, ratio * line, color=COLOURS[2], linewidth=1.2, label="calibrated")
    axes.scatter(
        np.maximum(spread, low),
        np.maximum(error, low),
        s=6 if len(spread) > 500 else 16,
        alpha=0.4,
        linewidths=0,
        color=COLOURS[0],
        label="values",
    )
    bins = _bins(spread, error)
    if len(bins):
        axes.plot(*bins.T, color=COLOURS[5], marker="o", markersize=4, label="RMS error in bins")
    axes.set(xscale="log", yscale="log", xlim=tuple(line), ylim=tuple(line), aspect="equal")
    grid(axes)


def _bins(spread: Floats, error: Floats) -> Floats:
    """Returns [B, 2] root mean squares of spread and error over points of similar spread."""
    count = min(_MOST_BINS, len(spread) // _LEAST_IN_BIN)
    if count < 2:
        return np.zeros((0, 2))
    order = np.argsort(spread, kind="stable")
    parts = np.array_split(order, count)
    return np.array(
        [[np.sqrt(np.mean(values[rows] ** 2)) for values in (spread, error)] for rows in parts]
    )
