"""Small pictures of structures: atoms as discs, near ones over far ones, bonds, the cell."""

import colorsys
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.elements import SYMBOLS
from panna_exp.reporting.drawing import new_figure, png

_INCHES = 1.7
# (covalent radius in angstrom, colour): only to tell atoms apart and to draw what looks bonded.
_KNOWN = {
    "H": (0.31, "#f2f2f2"),
    "Li": (1.28, "#b07ce0"),
    "B": (0.84, "#e8a9a0"),
    "C": (0.76, "#5c5c5c"),
    "N": (0.71, "#3f6fd8"),
    "O": (0.66, "#d83a34"),
    "F": (0.57, "#77c864"),
    "Na": (1.66, "#9a6cd0"),
    "Mg": (1.41, "#8fce5a"),
    "Al": (1.21, "#b3a7a7"),
    "Si": (1.11, "#d9b57e"),
    "P": (1.07, "#ec8a2b"),
    "S": (1.05, "#e6cf3a"),
    "Cl": (1.02, "#3fbf4b"),
    "K": (2.03, "#8559c4"),
    "Ca": (1.76, "#6fbf3f"),
    "Ti": (1.60, "#a9adb5"),
    "Fe": (1.32, "#d2703a"),
    "Cu": (1.32, "#c47f45"),
    "Zn": (1.22, "#7f86ad"),
    "Br": (1.20, "#a2452f"),
    "I": (1.39, "#8a2f92"),
}
_OTHER_RADIUS = 1.4
_BOND = 1.2  # times the sum of the covalent radii
_DISC = 0.75  # times the covalent radius, but hydrogen stays visible
_MOST_BONDED = 400
_MOST_LABELLED = 24
# Periodic structures are seen from a corner, molecules along their thinnest direction.
_TILT = (np.deg2rad(20.0), np.deg2rad(-15.0))


def picture(symbols: Sequence[str], positions: Floats, cell: Floats) -> bytes:
    """Returns a PNG of a structure.

    Args:
        symbols: Of its A atoms.
        positions: [A, 3] (angstrom).
        cell: [3, 3] lattice vectors as rows; a box is drawn where all three are there.
    """
    box = _box(cell)
    view = _corner_view() if box is not None else _flat_view(positions)
    centre = positions.mean(axis=0) if box is None else cell.sum(axis=0) / 2
    seen = (positions - centre) @ view.T
    figure = new_figure(_INCHES, _INCHES, layout=None)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_aspect("equal")
    radii = np.array([_radius(symbol) for symbol in symbols])
    if box is not None:
        corners = (box - centre) @ view.T
        for start, end in corners:
            axes.plot(*zip(start[:2], end[:2], strict=True), color="#999999", linewidth=0.6)
    if len(symbols) <= _MOST_BONDED:
        _draw_bonds(axes, seen, radii)
    shown = seen if box is None else np.concatenate([seen, corners.reshape(-1, 3)])
    middle = (shown.max(axis=0) + shown.min(axis=0))[:2] / 2
    half = float((shown.max(axis=0) - shown.min(axis=0))[:2].max() / 2 + _discs(radii).max())
    axes.set_xlim(middle[0] - 1.05 * half, middle[0] + 1.05 * half)
    axes.set_ylim(middle[1] - 1.05 * half, middle[1] + 1.05 * half)
    _draw_atoms(axes, symbols, seen, radii, points=_INCHES * 72 / (2.1 * half))
    return png(figure)


def _radius(symbol: str) -> float:
    return _KNOWN.get(symbol, (_OTHER_RADIUS, ""))[0]


def _colour(symbol: str) -> str:
    if symbol in _KNOWN:
        return _KNOWN[symbol][1]
    # Elements next to each other get hues far apart.
    hue = 0.618 * SYMBOLS.index(symbol) % 1.0
    red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, 0.6, 0.45))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _flat_view(positions: Floats) -> Floats:
    """Returns the rotation that looks along the direction in which atoms differ least."""
    axes: Floats = np.linalg.svd(positions - positions.mean(axis=0), full_matrices=True)[2]
    if np.linalg.det(axes) < 0:  # a mirror image would show the other enantiomer
        axes[2] *= -1
    return axes


def _corner_view() -> Floats:
    turn, lift = _TILT
    sin, cos = np.sin(turn), np.cos(turn)
    about_z = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    sin, cos = np.sin(np.pi / 2 + lift), np.cos(np.pi / 2 + lift)
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cos, sin], [0.0, -sin, cos]])
    rotation: Floats = about_x @ about_z
    return rotation


def _box(cell: Floats) -> Floats | None:
    """Returns [12, 2, 3] the edges of the cell, None for less than three lattice vectors."""
    if not np.abs(cell).any(axis=1).all():
        return None
    corners = [np.array(corner) for corner in product((0, 1), repeat=3)]
    pairs = [(a, b) for a in corners for b in corners if (b - a).sum() == 1 and (b >= a).all()]
    return np.array([[a @ cell, b @ cell] for a, b in pairs])


def _draw_bonds(axes: Any, seen: Floats, radii: Floats) -> None:
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=2)
    near = distances < _BOND * (radii[:, None] + radii[None])
    for one, other in np.argwhere(np.triu(near, k=1)):
        ends = seen[[one, other]]
        axes.plot(
            ends[:, 0],
            ends[:, 1],
            color="#8c8c8c",
            linewidth=2.2,
            solid_capstyle="round",
            # Below both discs, but above what lies farther back.
            zorder=_layer(seen, float(ends[:, 2].min())) - 0.01,
        )


def _discs(radii: Floats) -> Floats:
    sizes: Floats = _DISC * np.maximum(radii, 0.45)
    return sizes


def _draw_atoms(
    axes: Any, symbols: Sequence[str], seen: Floats, radii: Floats, points: float
) -> None:
    """Draws discs, with symbols where there is room; ``points`` make an angstrom."""
    from matplotlib.patches import Circle

    sizes = _discs(radii)
    for index, symbol in enumerate(symbols):
        layer = _layer(seen, float(seen[index, 2])) + 0.01
        place = (float(seen[index, 0]), float(seen[index, 1]))
        axes.add_patch(
            Circle(
                place,
                float(sizes[index]),
                facecolor=_colour(symbol),
                edgecolor="#333333",
                linewidth=0.5,
                zorder=layer,
            )
        )
        if len(symbols) <= _MOST_LABELLED:
            dark = symbol in ("C", "N", "O")
            axes.text(
                *place,
                symbol,
                fontsize=float(sizes[index]) * points,
                ha="center",
                va="center",
                color="white" if dark else "#222222",
                zorder=layer + 0.005,
            )


def _layer(seen: Floats, depth: float) -> float:
    """Returns the drawing order of a depth: the nearest to the eye comes last."""
    low, high = float(seen[:, 2].min()), float(seen[:, 2].max())
    return 2.0 + 10.0 * (depth - low) / (high - low or 1.0)
