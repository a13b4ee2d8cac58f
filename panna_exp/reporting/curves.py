"""Learning curves of some runs in one figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from panna_exp.evaluation.plots import COLOURS
from panna_exp.reporting.drawing import new_figure, svg
from panna_exp.reporting.run import Run

# Points beyond these are not seen and make the page heavy.
_MOST_POINTS = 2000
_MARKED = 30
_LEGEND_COLUMNS = 12


@dataclass(frozen=True, slots=True)
class Panel:
    """One diagram.

    Args:
        label: Of its axis.
        columns: Of metrics.dat; the first that any run has is drawn.
        factor: By which values are multiplied.
    """

    label: str
    columns: tuple[str, ...]
    factor: float = 1.0


PANELS = (
    Panel("energy MAE (meV/atom)", ("MAE/at",), 1000.0),
    Panel("force MAE (eV/angstrom)", ("F_MAE",)),
    Panel("energy RMSE (meV/atom)", ("RMSE/at",), 1000.0),
    Panel("loss", ("loss",)),
)


def colour(number: int) -> str:
    """Returns the colour of the run of that number on the page."""
    return COLOURS[number % len(COLOURS)]


def learning_curves(runs: Sequence[Run], labels: Sequence[str]) -> bytes | None:
    """Draws errors and loss over epochs, training dashed and validation drawn through.

    Args:
        runs: In the order of the page.
        labels: What to call each: a letter, no text of a user, which matplotlib might interpret;
            a single run needs none.

    Returns:
        SVG, or None where no run has a completed epoch.
    """
    panels = [panel for panel in PANELS if any(_lines(run, panel) for run in runs)]
    if not panels:
        return None
    rows = -(-len(panels) // 2)
    figure = new_figure(10.0, 3.4 * rows + 0.3)
    grid = np.ravel(figure.subplots(rows, min(2, len(panels)), squeeze=False))
    for axes in grid[len(panels) :]:
        axes.remove()
    for panel, axes in zip(panels, grid, strict=False):
        _draw(axes, panel, runs)
    _legend(figure, runs, labels)
    return svg(figure)


def _lines(run: Run, panel: Panel) -> list[tuple[str, Any]]:
    """Returns (line style, values) of the training and the validation curve, where known."""
    found = []
    for prefix, style in (("", "--"), ("val_", "-")):
        for name in panel.columns:
            values = run.metrics.columns.get(f"{prefix}{name}")
            if values is not None and np.isfinite(values).any():
                found.append((style, panel.factor * values))
                break
    return found


def _draw(axes: Any, panel: Panel, runs: Sequence[Run]) -> None:
    lowest = np.inf
    for number, run in enumerate(runs):
        every = max(1, -(-len(run.metrics) // _MOST_POINTS))
        shown = np.union1d(np.arange(0, len(run.metrics), every), [len(run.metrics) - 1])
        for style, values in _lines(run, panel):
            lowest = min(lowest, float(np.nanmin(values)))
            axes.plot(
                run.metrics.epochs[shown],
                values[shown],
                style,
                color=colour(number),
                linewidth=1.2,
                alpha=1.0 if style == "-" else 0.6,
                marker="." if len(shown) <= _MARKED else "",
            )
    axes.set(xlabel="epoch", ylabel=panel.label)
    if lowest > 0:
        axes.set_yscale("log")
    axes.grid(alpha=0.25, linewidth=0.5, which="both")
    if all(len(run.metrics) <= _MARKED for run in runs):
        from matplotlib.ticker import MaxNLocator

        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _legend(figure: Any, runs: Sequence[Run], labels: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    names = list(labels) if len(runs) > 1 else []
    handles = [Line2D([], [], color=colour(number)) for number in range(len(names))]
    handles += [Line2D([], [], color="#333333", linestyle=style) for style in ("-", "--")]
    figure.legend(
        handles,
        [*names, "validation", "training"],
        loc="outside upper center",
        fontsize=8,
        ncols=_LEGEND_COLUMNS,
        frameon=False,
    )
