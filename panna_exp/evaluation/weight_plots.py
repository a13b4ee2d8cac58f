"""Figures of how weights and biases spread over a training: one per species and layer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.evaluation.figures import new_figure, write_png
from panna_exp.evaluation.plots import INK, limits

_COLOUR = "#0072b2"
# Pairs of quantiles, from the outer to the inner band, with their opacity.
_BANDS = ((0, 6, 0.15), (1, 5, 0.25), (2, 4, 0.4))
_MEDIAN = 3
_DOTS_PER_INCH = 100


def write_weight_plots(folder: Path, records: Sequence[dict[str, Any]]) -> list[Path]:
    """Writes ``{species}_layer_{n}.png`` for every layer; returns their paths.

    Args:
        folder: Where to write.
        records: By epoch: ``epoch``, and ``quantiles`` (minimum, 5, 25, 50, 75, 95 %, maximum) by
            name, ``H.0.weights`` and ``H.0.biases``.
    """
    if not records:
        return []
    # One figure and its axes for all of them, without an automatic layout: five times as fast.
    figure = new_figure(8.0, 3.4, layout=None)
    for axes, kind in zip(figure.subplots(1, 2), ("weights", "biases"), strict=True):
        axes.set(xlabel="epoch", ylabel=kind)
        axes.grid(alpha=0.25, linewidth=0.5)
        axes.locator_params(nbins=5)
        axes.locator_params(axis="x", integer=True)
    figure.subplots_adjust(left=0.09, right=0.98, bottom=0.15, top=0.89, wspace=0.32)
    names = [name for name in records[-1]["quantiles"] if name.endswith(".weights")]
    paths = []
    for name in names:
        symbol, number, _ = name.split(".")
        path = folder / f"{symbol}_layer_{number}.png"
        _write(path, figure, f"{symbol}.{number}", records)
        paths.append(path)
    return paths


def _write(path: Path, figure: Any, layer: str, records: Sequence[dict[str, Any]]) -> None:
    symbol, number = layer.split(".")
    for axes, kind in zip(figure.axes, ("weights", "biases"), strict=True):
        for artist in (*axes.lines, *axes.collections):
            artist.remove()
        _draw(axes, f"{layer}.{kind}", records)
    figure.suptitle(f"{symbol}, layer {number}: range, 5 to 95 %, 25 to 75 %, median", fontsize=10)
    write_png(path, figure, _DOTS_PER_INCH)


def _draw(axes: Any, name: str, records: Sequence[dict[str, Any]]) -> None:
    known = [record for record in records if name in record["quantiles"]]
    epochs = np.array([record["epoch"] for record in known], dtype=float)
    values = np.array([record["quantiles"][name] for record in known])
    if len(epochs) == 1:  # a band needs two points
        epochs, values = np.array([epochs[0] - 0.5, epochs[0] + 0.5]), np.repeat(values, 2, axis=0)
    for low, high, opacity in _BANDS:
        axes.fill_between(
            epochs, values[:, low], values[:, high], color=_COLOUR, alpha=opacity, linewidth=0
        )
    axes.plot(epochs, values[:, _MEDIAN], color=INK, linewidth=1.0)
    finite = values[np.isfinite(values)]
    axes.set(xlim=limits(epochs), ylim=limits(finite if len(finite) else np.zeros(1)))
