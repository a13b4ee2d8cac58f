"""The parity plot of an evaluation: predicted against reference energies, and their errors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.data.structures import Floats, Ints
from panna_exp.evaluation.errors import EnergyErrors, composition_rows
from panna_exp.evaluation.figures import new_figure, write_png
from panna_exp.evaluation.predictions import Predictions

# Told apart also by people who do not see red and green as different; the last is for all others.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f")
INK = "#333333"
PLOT_SIZE, WIDTHS = (13.0, 4.6), (3, 3, 2)  # inches; parity, residuals and histogram
MOST_POINTS = 60_000  # more are a picture of many megabytes in no more detail


def write_parity_plot(path: Path, predictions: Predictions, title: str) -> None:
    """Writes a PNG: residual energies per atom (free atoms subtracted) and a histogram of errors.

    Args:
        path: The file to create or replace.
        predictions: S structures.
        title: What was evaluated; the errors are added to it.
    """
    figure = new_figure(*PLOT_SIZE)
    parity, residuals, histogram = figure.subplots(1, 3, width_ratios=WIDTHS)
    groups = _groups(predictions)
    _draw_parity(parity, predictions, groups)
    reference = (predictions.reference - predictions.free_atoms) / predictions.num_atoms
    error = 1000.0 * predictions.error / predictions.num_atoms
    points = [(colour, reference[rows], error[rows]) for _, colour, rows in groups]
    draw_residuals(residuals, points, "reference energy (eV/atom)", "meV/atom")
    _draw_errors(histogram, predictions, groups)
    errors = EnergyErrors.of(predictions.error, predictions.num_atoms)
    figure.suptitle(
        f"{plain(title)}\nMAE {errors.mae_mev_per_atom:.2f}, RMSE "
        f"{errors.rmse_mev_per_atom:.2f} meV/atom, {errors.structures} structures",
        fontsize=11,
    )
    write_png(path, figure)


def _groups(predictions: Predictions) -> list[tuple[str, str, Ints]]:
    """Returns (label, colour, structures) of the most frequent compositions and of all others."""
    finite = np.isfinite(predictions.energy)
    rows = {
        formula: indices[finite[indices]]
        for formula, indices in composition_rows(predictions.formulas).items()
    }
    named = list(rows.items())
    if len(named) > len(COLOURS):
        others = named[len(COLOURS) - 1 :]
        named = named[: len(COLOURS) - 1]
        named.append((f"{len(others)} others", np.concatenate([item for _, item in others])))
    return [
        (f"{name} ({len(indices)})", colour, indices)
        for (name, indices), colour in zip(named, COLOURS, strict=False)
        if len(indices)
    ]


def _draw_parity(axes: Any, predictions: Predictions, groups: list[tuple[str, str, Ints]]) -> None:
    reference = (predictions.reference - predictions.free_atoms) / predictions.num_atoms
    predicted = (predictions.energy - predictions.free_atoms) / predictions.num_atoms
    shown = [reference[rows] for *_, rows in groups] + [predicted[rows] for *_, rows in groups]
    low, high = limits(np.concatenate(shown) if shown else np.zeros(1))
    axes.plot([low, high], [low, high], color=INK, linewidth=0.8, zorder=1)
    crowded = sum(len(rows) for *_, rows in groups) > 500
    for label, colour, rows in groups:
        axes.scatter(
            reference[rows],
            predicted[rows],
            s=8 if crowded else 18,
            alpha=0.5 if crowded else 0.8,
            linewidths=0,
            color=colour,
            label=label,
            zorder=2,
        )
    axes.set(
        xlim=(low, high),
        ylim=(low, high),
        aspect="equal",
        xlabel="reference energy, free atoms subtracted (eV/atom)",
        ylabel="predicted energy, free atoms subtracted (eV/atom)",
    )
    axes.set_axisbelow(True)
    axes.grid(alpha=0.25, linewidth=0.5)
    if groups:
        axes.legend(loc="upper left", fontsize=8, framealpha=0.9)


def _draw_errors(axes: Any, predictions: Predictions, groups: list[tuple[str, str, Ints]]) -> None:
    error = 1000.0 * predictions.error / predictions.num_atoms
    if groups:
        axes.hist(
            [error[rows] for *_, rows in groups],
            bins=bins(np.concatenate([error[rows] for *_, rows in groups])),
            stacked=True,
            color=[colour for _, colour, _ in groups],
        )
    axes.axvline(0.0, color=INK, linewidth=0.8)
    axes.set(xlabel="predicted minus reference (meV/atom)", ylabel="structures")
    axes.set_axisbelow(True)
    axes.grid(alpha=0.25, linewidth=0.5)


def draw_residuals(
    axes: Any, groups: Sequence[tuple[str, Floats, Floats]], label: str, unit: str
) -> None:
    """Draws errors over reference values: what grows with these is seen here.

    Args:
        axes: Where to draw.
        groups: (colour, reference, error) of the points.
        label: Of the reference values.
        unit: Of the errors.
    """
    total = sum(len(error) for *_, error in groups)
    every = max(1, -(-total // MOST_POINTS))
    crowded = total > 500
    for colour, reference, error in groups:
        axes.scatter(
            reference[::every],
            error[::every],
            s=5 if crowded else 14,
            alpha=0.4 if crowded else 0.8,
            linewidths=0,
            color=colour,
            rasterized=True,
        )
    axes.axhline(0.0, color=INK, linewidth=0.8)
    axes.set(xlabel=label, ylabel=f"predicted minus reference ({unit})")
    axes.set_axisbelow(True)
    axes.grid(alpha=0.25, linewidth=0.5)


def limits(values: Floats) -> tuple[float, float]:
    """Returns the range of an axis for values."""
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low) or 0.01
    return low - margin, high + margin


def bins(values: Floats) -> Floats:
    """Returns the edges of a histogram's bins."""
    low, high = limits(values)
    count = int(np.clip(np.sqrt(len(values)) * 2, 5, 50))
    return np.linspace(low, high, count + 1)


def plain(text: str) -> str:
    """Returns text that matplotlib does not take for a formula."""
    return text.replace("$", r"\$")
