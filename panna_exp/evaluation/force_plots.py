"""Parity plots of forces and stresses: predicted against reference components, their errors."""

from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.evaluation.errors import force_errors, known_stresses, stress_errors
from panna_exp.evaluation.figures import new_figure, write_png
from panna_exp.evaluation.plots import (
    COLOURS,
    INK,
    MOST_POINTS,
    PLOT_SIZE,
    WIDTHS,
    bins,
    draw_residuals,
    limits,
    plain,
)
from panna_exp.evaluation.predictions import Predictions


def write_force_plot(path: Path, predictions: Predictions, title: str) -> None:
    """Writes a PNG: force components (eV/angstrom) by species, and a histogram of errors.

    Args:
        path: The file to create or replace.
        predictions: With forces; without reference forces the plot says so.
        title: What was evaluated; the errors are added to it.
    """
    errors = force_errors(predictions)
    line = "the data have no forces"
    if errors:
        found = errors["all"]
        line = (
            f"MAE {found.mae_ev_per_angstrom:.4f}, RMSE {found.rmse_ev_per_angstrom:.4f} "
            f"eV/angstrom per component, {found.atoms} atoms"
        )
    _write(path, _groups(predictions), "force", "eV/angstrom", f"{plain(title)}\n{line}")


def write_stress_plot(path: Path, predictions: Predictions, title: str) -> None:
    """Writes a PNG: stress components (GPa), on and off the diagonal, and a histogram of errors.

    Args:
        path: The file to create or replace.
        predictions: With stresses that the data have too.
        title: What was evaluated; the errors are added to it.
    """
    predicted, reference = known_stresses(predictions)
    errors = stress_errors(predictions)
    assert errors is not None
    diagonal = np.eye(3, dtype=bool)
    groups = [
        (label, colour, reference[:, chosen].ravel(), predicted[:, chosen].ravel())
        for label, colour, chosen in (
            ("xx, yy, zz", COLOURS[0], diagonal),
            ("xy, xz, yz", COLOURS[1], np.triu(~diagonal)),
        )
    ]
    line = (
        f"MAE {errors[0].mae_gpa:.4f}, RMSE {errors[0].rmse_gpa:.4f} GPa per component, "
        f"{errors[0].structures} structures"
    )
    _write(path, groups, "stress", "GPa", f"{plain(title)}\n{line}")


def _write(
    path: Path, groups: list[tuple[str, str, Floats, Floats]], name: str, unit: str, title: str
) -> None:
    figure = new_figure(*PLOT_SIZE)
    parity, residuals, histogram = figure.subplots(1, 3, width_ratios=WIDTHS)
    _draw_parity(parity, groups, name, unit)
    points = [
        (colour, reference, predicted - reference) for _, colour, reference, predicted in groups
    ]
    draw_residuals(residuals, points, f"reference {name} component ({unit})", unit)
    _draw_errors(histogram, groups, unit)
    figure.suptitle(title, fontsize=11)
    write_png(path, figure)


def _groups(predictions: Predictions) -> list[tuple[str, str, Floats, Floats]]:
    """Returns (label, colour, reference, predicted) components of each species."""
    assert predictions.forces is not None
    assert predictions.atom_species is not None
    if predictions.reference_forces is None:
        return []
    known = np.isfinite(predictions.reference_forces).all(axis=1)
    known &= np.isfinite(predictions.forces).all(axis=1)
    groups = []
    for index, symbol in enumerate(predictions.species):
        rows = known & (predictions.atom_species == index)
        if rows.any():
            reference = predictions.reference_forces[rows].ravel()
            label = f"{symbol} ({rows.sum()} atoms)"
            colour = COLOURS[index % len(COLOURS)]
            groups.append((label, colour, reference, predictions.forces[rows].ravel()))
    return groups


def _draw_parity(
    axes: Any, groups: list[tuple[str, str, Floats, Floats]], name: str, unit: str
) -> None:
    shown = [values for *_, reference, predicted in groups for values in (reference, predicted)]
    low, high = limits(np.concatenate(shown) if shown else np.zeros(1))
    axes.plot([low, high], [low, high], color=INK, linewidth=0.8, zorder=1)
    total = sum(len(reference) for *_, reference, _ in groups)
    every = max(1, -(-total // MOST_POINTS))
    for label, colour, reference, predicted in groups:
        axes.scatter(
            reference[::every],
            predicted[::every],
            s=5 if total > 1000 else 14,
            alpha=0.35 if total > 1000 else 0.8,
            linewidths=0,
            color=colour,
            label=label,
            zorder=2,
            rasterized=True,
        )
    axes.set(
        xlim=(low, high),
        ylim=(low, high),
        aspect="equal",
        xlabel=f"reference {name} component ({unit})",
        ylabel=f"predicted {name} component ({unit})",
    )
    axes.set_axisbelow(True)
    axes.grid(alpha=0.25, linewidth=0.5)
    if groups:
        axes.legend(loc="upper left", fontsize=8, framealpha=0.9, markerscale=2)


def _draw_errors(axes: Any, groups: list[tuple[str, str, Floats, Floats]], unit: str) -> None:
    errors = [predicted - reference for *_, reference, predicted in groups]
    if errors:
        colours = [colour for _, colour, *_ in groups]
        axes.hist(errors, bins=bins(np.concatenate(errors)), stacked=True, color=colours)
    axes.axvline(0.0, color=INK, linewidth=0.8)
    axes.set(xlabel=f"predicted minus reference ({unit})", ylabel="components")
    axes.set_axisbelow(True)
    axes.grid(alpha=0.25, linewidth=0.5)
