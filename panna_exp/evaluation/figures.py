"""Figures without pyplot, which keeps state, and their PNG: one figure gives the same bytes."""

import io
from operator import methodcaller
from pathlib import Path
from typing import Any, Literal

from panna_exp.files import write_atomic

DOTS_PER_INCH = 150


def new_figure(
    width: float, height: float, layout: Literal["constrained", "tight"] | None = "constrained"
) -> Any:
    """Returns an empty figure of that size in inches; without ``layout`` axes stay where put."""
    # Imported here: matplotlib is slow to import.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def png(figure: Any, dots_per_inch: int = DOTS_PER_INCH) -> bytes:
    """Returns the figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch, metadata={"Software": None})
    return buffer.getvalue()


def write_png(path: Path, figure: Any, dots_per_inch: int = DOTS_PER_INCH) -> None:
    """Creates or replaces a file with the figure."""
    write_atomic(path, methodcaller("write", png(figure, dots_per_inch)))
