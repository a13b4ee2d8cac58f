"""The figure of a selection: where the chosen structures lie, and how large their spread is."""

from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.data.structures import Floats, Ints
from panna_exp.evaluation.figures import new_figure, write_png
from panna_exp.evaluation.plots import COLOURS, INK, MOST_POINTS

_BINS = 40


def write_selection_plot(
    path: Path, features: Floats, known: Floats, chosen: Ints, spread: Floats | None, label: str
) -> None:
    """Writes a PNG: the pool's two principal axes, and a histogram of spreads where there are any.

    Args:
        path: The file to create or replace.
        features: [S, F] of the pool.
        known: [K, F] of structures that are labelled already.
        chosen: [n] indices of the pool.
        spread: [S] in the unit of the label, or None.
        label: What the spread is.
    """
    figure = new_figure(5.2 if spread is None else 10.4, 4.8)
    axes = figure.subplots(1, 1 if spread is None else 2, squeeze=False)[0]
    _draw_map(axes[0], features, known, chosen)
    if spread is not None:
        _draw_spreads(axes[1], spread, chosen, label)
    write_png(path, figure)


def _draw_map(axes: Any, features: Floats, known: Floats, chosen: Ints) -> None:
    mean = features.mean(axis=0)
    axes_by_variance = np.linalg.eigh((features - mean).T @ (features - mean))[1]
    plane = axes_by_variance[:, :-3:-1]
    plane = np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
    pool, others = (features - mean) @ plane, (known - mean) @ plane
    axes.scatter(*pool[:MOST_POINTS].T, s=5, color=COLOURS[6], alpha=0.5, linewidths=0)
    axes.scatter(*others[:MOST_POINTS].T, s=5, color=COLOURS[4], alpha=0.5, linewidths=0)
    axes.scatter(*pool[chosen].T, s=18, color=COLOURS[5], edgecolors=INK, linewidths=0.4)
    axes.set(xlabel="first principal axis of the descriptors", ylabel="second")
    named = f", {len(known)} known (blue)" if len(known) else ""
    axes.set_title(
        f"{len(features)} structures (grey){named}, {len(chosen)} chosen (red)", fontsize=9
    )


def _draw_spreads(axes: Any, spread: Floats, chosen: Ints, label: str) -> None:
    positive = spread[spread > 0]
    if len(positive) and np.ptp(positive) > 0:
        edges = np.geomspace(positive.min(), positive.max(), _BINS + 1)
        axes.hist(spread, bins=edges, color=COLOURS[6], label="pool")
        axes.hist(spread[chosen], bins=edges, color=COLOURS[5], label="chosen")
        axes.set(xscale="log", yscale="log")
        axes.legend(fontsize=8)
    axes.set(xlabel=label, ylabel="structures")
