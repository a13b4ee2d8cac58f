"""How the errors of energies are distributed in each composition."""

from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.evaluation.errors import composition_rows
from panna_exp.evaluation.figures import new_figure, write_png
from panna_exp.evaluation.plots import COLOURS, INK, plain
from panna_exp.evaluation.predictions import Predictions

_MOST_ROWS = 24  # more are not read, and all others together are one row
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_ROW_HEIGHT, _MARGIN = 0.3, 1.5  # inches
_OUTER, _INNER = 0.3, 0.65  # opacity of 5 to 95 %, and 25 to 75 %


def write_composition_plot(path: Path, predictions: Predictions, title: str) -> None:
    """Writes a PNG: a row per composition, the most frequent on top, with quantiles of errors.

    Args:
        path: The file to create or replace.
        predictions: S structures; errors that are no finite numbers are left out.
        title: What was evaluated.
    """
    groups = _groups(predictions)
    figure = new_figure(8.0, _MARGIN + _ROW_HEIGHT * max(3, len(groups)), layout="tight")
    axes = figure.subplots()
    _draw(axes, groups)
    axes.set_title(
        f"{plain(title)}\nerrors by composition: range, 5 to 95 %, 25 to 75 %, median", fontsize=10
    )
    write_png(path, figure)


def _groups(predictions: Predictions) -> list[tuple[str, Floats]]:
    """Returns (label, errors in meV/atom) of the most frequent compositions and of all others."""
    errors = 1000.0 * predictions.error / predictions.num_atoms
    named = [
        (formula, errors[rows][np.isfinite(errors[rows])])
        for formula, rows in composition_rows(predictions.formulas).items()
    ]
    if len(named) > _MOST_ROWS:
        others = named[_MOST_ROWS - 1 :]
        rest = np.concatenate([values for _, values in others])
        named = [*named[: _MOST_ROWS - 1], (f"{len(others)} others", rest)]
    return [(f"{name} ({len(values)})", values) for name, values in named if len(values)]


def _draw(axes: Any, groups: list[tuple[str, Floats]]) -> None:
    axes.axvline(0.0, color=INK, linewidth=0.8)
    if not groups:
        axes.text(0.0, 0.0, "no error is a finite number", ha="center")
    quantiles = np.array([np.quantile(values, _QUANTILES) for _, values in groups])
    heights = np.arange(len(groups))[::-1]
    if groups:
        lowest, low, first, median, third, high, highest = quantiles.T
        axes.hlines(heights, lowest, highest, color=COLOURS[0], linewidth=1.0)
        axes.barh(heights, high - low, left=low, height=0.5, color=COLOURS[0], alpha=_OUTER)
        axes.barh(heights, third - first, left=first, height=0.5, color=COLOURS[0], alpha=_INNER)
        axes.scatter(median, heights, marker="|", s=90, color=INK, zorder=3)
    axes.set(xlabel="predicted minus reference (meV/atom)", ylim=(-0.7, max(1, len(groups)) - 0.3))
    axes.set_yticks(heights, [label for label, _ in groups], fontsize=8)
    right = axes.secondary_yaxis("right")
    mean = [f"{np.abs(values).mean():.2f}" for _, values in groups]
    right.set_yticks(heights, mean, fontsize=8)
    right.set_ylabel("MAE (meV/atom)", fontsize=8)
    right.tick_params(length=0)
    axes.set_axisbelow(True)
    axes.grid(alpha=0.25, linewidth=0.5, axis="x")
