"""Figures without pyplot: their bytes, as SVG for lines or PNG for many points."""

import io
from typing import Any, Literal

from panna_exp.evaluation.plots import DOTS_PER_INCH

# So that the same figure gives the same bytes.
_SVG_SALT = "panna_exp"
_WIDEST, _COLOURS = 1000, 48  # of plots in a page


def new_figure(
    width: float, height: float, layout: Literal["constrained"] | None = "constrained"
) -> Any:
    """Returns an empty figure of that size in inches; without ``layout`` axes stay where put."""
    # Imported here: matplotlib is slow to import, and pyplot would keep state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def svg(figure: Any) -> bytes:
    """Returns the figure as SVG, with letters as outlines: it needs no font."""
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": _SVG_SALT, "svg.fonttype": "path"}):
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def png(figure: Any) -> bytes:
    """Returns the figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


def smaller(data: bytes) -> bytes:
    """Returns a PNG as a page shows it: no wider than there is room, in few colours."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        size = round(image.height * _WIDEST / image.width)
        shown = image.convert("RGB")
        if image.width > _WIDEST:
            shown = shown.resize((_WIDEST, size), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        shown.quantize(_COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return min(data, buffer.getvalue(), key=len)
