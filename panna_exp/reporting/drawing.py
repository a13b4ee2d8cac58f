"""Figures for a page: lines as SVG, PNG of many points in few colours."""

import io
from typing import Any

# So that the same figure gives the same bytes.
_SVG_SALT = "panna_exp"
_WIDEST, _COLOURS = 1000, 48  # of plots in a page


def svg(figure: Any) -> bytes:
    """Returns the figure as SVG, with letters as outlines: it needs no font."""
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": _SVG_SALT, "svg.fonttype": "path"}):
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
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
