"""Learning curves of some runs in one figure, as SVG for a page or as a PNG file."""

from collections.abc import Sequence
from colorsys import hls_to_rgb
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.evaluation.figures import new_figure, png
from panna_exp.evaluation.plots import COLOURS, plain
from panna_exp.files import write_atomic
from panna_exp.reporting.drawing import svg
from panna_exp.reporting.records import Metrics, read_metrics
from panna_exp.reporting.run import Run
from panna_exp.reporting.timings import LEARNING_RATE, with_learning_rates

# Points beyond these are not seen and make the page heavy.
_MOST_POINTS = 2000
_MARKED = 30
_LEGEND_WIDTH = 130  # characters in a line of it


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
    Panel("learning rate", (LEARNING_RATE,)),
)


def colour(index: int) -> str:
    """Returns the colour of the run of that index on the page; no two have the same."""
    if index < len(COLOURS):
        return COLOURS[index]
    # By the golden ratio hues never come near an earlier one's before they have to.
    hue, lightness = 0.618034 * index % 1.0, 0.3 + 0.15 * (index % 3)
    red, green, blue = (round(255 * part) for part in hls_to_rgb(hue, lightness, 0.75))
    return f"#{red:02x}{green:02x}{blue:02x}"


def learning_curves(runs: Sequence[Run], labels: Sequence[str]) -> bytes | None:
    """Draws errors and loss over epochs, training dashed and validation drawn through.

    Args:
        runs: In the order of the page.
        labels: What to call each; a single run needs none.

    Returns:
        SVG, or None where no run has a completed epoch.
    """
    figure = _figure([with_learning_rates(run.metrics, run.path) for run in runs], labels)
    return None if figure is None else svg(figure)


def write_learning_curves(path: Path, metrics_file: Path) -> bool:
    """Writes the curves of one run as a PNG; returns whether there was anything to draw.

    Args:
        path: The file to create or replace.
        metrics_file: The run's metrics.dat.

    Raises:
        DataError: Names the line of metrics.dat that does not fit.
        OSError: A file cannot be read or written.
    """
    metrics = with_learning_rates(read_metrics(metrics_file), metrics_file.parent)
    figure = _figure([metrics], [])
    if figure is not None:
        write_atomic(path, methodcaller("write", png(figure)))
    return figure is not None


def _figure(runs: Sequence[Metrics], labels: Sequence[str]) -> Any:
    panels = [panel for panel in PANELS if any(_lines(metrics, panel) for metrics in runs)]
    if not panels:
        return None
    columns = len(panels) if len(panels) <= 3 else 2
    rows = -(-len(panels) // columns)
    names = labels if len(runs) > 1 else []
    per_line, lines = _legend_size(names)
    top = 0.35 + 0.18 * (lines - 1)
    height = 3.4 * rows + top
    # Without an automatic layout, which draws everything three times to find out its size.
    figure = new_figure(10.0, height, layout=None)
    figure.subplots_adjust(
        left=0.08, right=0.98, bottom=0.5 / height, top=1 - top / height, wspace=0.3, hspace=0.2
    )
    grid = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for panel, axes in zip(panels, grid, strict=False):
        _draw(axes, panel, runs)
    for axes in grid[len(panels) :]:
        axes.remove()
    _legend(figure, names, per_line)
    return figure


def _lines(metrics: Metrics, panel: Panel) -> list[tuple[str, Any]]:
    """Returns (line style, values) of the training and the validation curve, where known."""
    found = []
    for prefix, style in (("", "--"), ("val_", "-")):
        for name in panel.columns:
            values = metrics.columns.get(f"{prefix}{name}")
            if values is not None and np.isfinite(values).any():
                found.append((style, panel.factor * values))
                break
    return found


def _draw(axes: Any, panel: Panel, runs: Sequence[Metrics]) -> None:
    lowest = np.inf
    for index, metrics in enumerate(runs):
        every = max(1, -(-len(metrics) // _MOST_POINTS))
        shown = np.union1d(np.arange(0, len(metrics), every), [len(metrics) - 1])
        for style, values in _lines(metrics, panel):
            lowest = min(lowest, float(np.nanmin(values)))
            axes.plot(
                metrics.epochs[shown],
                values[shown],
                style,
                color=colour(index),
                linewidth=1.2,
                alpha=1.0 if style == "-" else 0.6,
                marker="." if len(shown) <= _MARKED else "",
            )
    axes.set(xlabel="epoch", ylabel=panel.label)
    if lowest > 0:
        axes.set_yscale("log")
    axes.grid(alpha=0.25, linewidth=0.5, which="both")
    if all(len(metrics) <= _MARKED for metrics in runs):
        from matplotlib.ticker import MaxNLocator

        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _legend_size(names: Sequence[str]) -> tuple[int, int]:
    """Returns how many names fit in a line of the legend, and how many lines there are."""
    longest = max(map(len, [*names, "validation"])) + 6
    per_line = max(1, _LEGEND_WIDTH // longest)
    return per_line, -(-(len(names) + 2) // per_line)


def _legend(figure: Any, names: Sequence[str], per_line: int) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colour(index)) for index in range(len(names))]
    handles += [Line2D([], [], color="#333333", linestyle=style) for style in ("-", "--")]
    figure.legend(
        handles,
        [*map(plain, names), "validation", "training"],
        loc="upper center",
        fontsize=8,
        ncols=per_line,
        frameon=False,
    )
