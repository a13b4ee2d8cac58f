"""The parity plots of an evaluation: predicted against reference values, and their errors."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from panna_exp.data.structures import Floats, Ints
from panna_exp.evaluation.errors import (
    EnergyErrors,
    composition_rows,
    force_errors,
    known_stresses,
    stress_errors,
)
from panna_exp.evaluation.figures import new_figure, write_png
from panna_exp.evaluation.predictions import Predictions

# Told apart also by people who do not see red and green as different; the last is for all others.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f")
INK = "#333333"
_SIZE, _WIDTHS = (13.0, 4.6), (3, 3, 2)  # inches; parity, residuals and histogram
MOST_POINTS = 60_000  # more are a picture of many megabytes in no more detail
_CROWDED = 1000


class Points(NamedTuple):
    """Values of one kind, drawn in one colour.

    Args:
        label: In the legend; empty for none.
        colour: Of the points.
        reference: [K].
        predicted: [K].
    """

    label: str
    colour: str
    reference: Floats
    predicted: Floats


class Axes(NamedTuple):
    """What is compared.

    Args:
        quantity: ``force component``, ...
        unit: Of the values.
        error_unit: Of the errors.
        factor: From the one to the other.
        counted: What there is an error of.
    """

    quantity: str
    unit: str
    error_unit: str
    factor: float
    counted: str


ENERGIES = Axes("energy, free atoms subtracted", "eV/atom", "meV/atom", 1000.0, "structures")
FORCES = Axes("force component", "eV/angstrom", "eV/angstrom", 1.0, "components")
_STRESSES = Axes("stress component", "GPa", "GPa", 1.0, "components")


def parity_figure(groups: list[Points], axes: Axes, title: str = "") -> Any:
    """Returns a figure: predicted against reference values, errors against these, a histogram.

    Args:
        groups: Finite values; of none the figure is empty.
        axes: What they are.
        title: What was evaluated, and its errors.
    """
    figure = new_figure(*_SIZE)
    parity, residuals, histogram = figure.subplots(1, 3, width_ratios=_WIDTHS)
    total = sum(len(points.reference) for points in groups)
    crowded = total > _CROWDED
    style = {
        "s": 5 if crowded else 14,
        "alpha": 0.4 if crowded else 0.8,
        "linewidths": 0,
        "rasterized": True,
    }
    every = slice(None, None, max(1, -(-total // MOST_POINTS)))
    shown = [values for points in groups for values in (points.reference, points.predicted)]
    low, high = limits(np.concatenate(shown) if total else np.zeros(1))
    parity.plot([low, high], [low, high], color=INK, linewidth=0.8, zorder=1)
    residuals.axhline(0.0, color=INK, linewidth=0.8)
    errors = [axes.factor * (points.predicted - points.reference) for points in groups]
    for points, error in zip(groups, errors, strict=True):
        named = {"color": points.colour, "label": points.label, **style}
        parity.scatter(points.reference[every], points.predicted[every], zorder=2, **named)
        residuals.scatter(points.reference[every], error[every], **named)
    if total:
        colours = [points.colour for points in groups]
        histogram.hist(errors, bins=bins(np.concatenate(errors)), stacked=True, color=colours)
    histogram.axvline(0.0, color=INK, linewidth=0.8)
    label = f"reference {axes.quantity} ({axes.unit})"
    error_label = f"predicted minus reference ({axes.error_unit})"
    both = {"xlim": (low, high), "ylim": (low, high), "aspect": "equal"}
    parity.set(xlabel=label, ylabel=f"predicted {axes.quantity} ({axes.unit})", **both)
    residuals.set(xlabel=label, ylabel=error_label)
    histogram.set(xlabel=error_label, ylabel=axes.counted)
    for panel in (parity, residuals, histogram):
        grid(panel)
    if any(points.label for points in groups):
        parity.legend(loc="upper left", fontsize=8, framealpha=0.9, markerscale=2)
    figure.suptitle(title, fontsize=11)
    return figure


def write_parity_plot(path: Path, predictions: Predictions, title: str) -> None:
    """Writes a PNG of residual energies per atom (free atoms subtracted) by composition.

    Args:
        path: The file to create or replace.
        predictions: S structures.
        title: What was evaluated; the errors are added to it.
    """
    errors = EnergyErrors.of(predictions.error, predictions.num_atoms)
    line = (
        f"MAE {errors.mae_mev_per_atom:.2f}, RMSE {errors.rmse_mev_per_atom:.2f} meV/atom, "
        f"{errors.structures} structures"
    )
    groups = _by_composition(predictions)
    write_png(path, parity_figure(groups, ENERGIES, f"{plain(title)}\n{line}"))


def write_force_plot(path: Path, predictions: Predictions, title: str) -> None:
    """Writes a PNG of force components (eV/angstrom) by species.

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
    groups = _by_species(predictions)
    write_png(path, parity_figure(groups, FORCES, f"{plain(title)}\n{line}"))


def write_stress_plot(path: Path, predictions: Predictions, title: str) -> None:
    """Writes a PNG of stress components (GPa), on and off the diagonal.

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
        Points(label, colour, reference[:, chosen].ravel(), predicted[:, chosen].ravel())
        for label, colour, chosen in (
            ("xx, yy, zz", COLOURS[0], diagonal),
            ("xy, xz, yz", COLOURS[1], np.triu(~diagonal)),
        )
    ]
    line = (
        f"MAE {errors[0].mae_gpa:.4f}, RMSE {errors[0].rmse_gpa:.4f} GPa per component, "
        f"{errors[0].structures} structures"
    )
    write_png(path, parity_figure(groups, _STRESSES, f"{plain(title)}\n{line}"))


def _by_composition(predictions: Predictions) -> list[Points]:
    """Returns energies per atom of the most frequent compositions and of all others."""
    reference = (predictions.reference - predictions.free_atoms) / predictions.num_atoms
    predicted = (predictions.energy - predictions.free_atoms) / predictions.num_atoms
    finite = np.isfinite(predictions.energy)
    rows: dict[str, Ints] = {
        formula: indices[finite[indices]]
        for formula, indices in composition_rows(predictions.formulas).items()
    }
    named = list(rows.items())
    if len(named) > len(COLOURS):
        others = named[len(COLOURS) - 1 :]
        named = named[: len(COLOURS) - 1]
        named.append((f"{len(others)} others", np.concatenate([item for _, item in others])))
    return [
        Points(f"{name} ({len(indices)})", colour, reference[indices], predicted[indices])
        for (name, indices), colour in zip(named, COLOURS, strict=False)
        if len(indices)
    ]


def _by_species(predictions: Predictions) -> list[Points]:
    """Returns the force components of each species."""
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
            label = f"{symbol} ({rows.sum()} atoms)"
            values = (predictions.reference_forces[rows], predictions.forces[rows])
            colour = COLOURS[index % len(COLOURS)]
            groups.append(Points(label, colour, *(item.ravel() for item in values)))
    return groups


def grid(axes: Any) -> None:
    """Draws a thin grid behind everything."""
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
