"""Small pictures of structures: atoms as discs, near ones over far ones, bonds, the cell.

They are written as SVG without matplotlib, which would need a tenth of a second and 10 kB for each.
Radii and colours are ASE's.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from ase.data.colors import jmol_colors

from panna_exp.data.structures import Floats

_PIXELS = 160
_BOND = 1.2  # times the sum of the covalent radii
_DISC = 0.75  # times the covalent radius, but hydrogen stays visible
_LEAST_RADIUS = 0.45
_MOST_BONDED = 400
_OTHER_COLOUR = np.full(3, 0.6)  # of the heaviest elements
_MOST_LABELLED = 24
_DARK = 0.55  # brightness below which a symbol on a disc is white
# Periodic structures are seen from a corner, molecules along their thinnest direction.
_TILT = (np.deg2rad(20.0), np.deg2rad(-15.0))


def picture(symbols: Sequence[str], positions: Floats, cell: Floats) -> bytes:
    """Returns an SVG of a structure.

    Args:
        symbols: Of its A atoms.
        positions: [A, 3] (angstrom).
        cell: [3, 3] lattice vectors as rows; a box is drawn where all three are there.
    """
    box = _box(cell)
    view = _corner_view() if box is not None else _flat_view(positions)
    centre = positions.mean(axis=0) if box is None else cell.sum(axis=0) / 2
    seen = (positions - centre) @ view.T
    radii = np.array([covalent_radii[atomic_numbers[symbol]] for symbol in symbols])
    discs = _DISC * np.maximum(radii, _LEAST_RADIUS)
    corners = np.zeros((0, 2, 3)) if box is None else (box - centre) @ view.T
    shown = np.concatenate([seen, corners.reshape(-1, 3)])[:, :2]
    middle = (shown.max(axis=0) + shown.min(axis=0)) / 2
    half = 1.05 * float((shown.max(axis=0) - shown.min(axis=0)).max() / 2 + discs.max())
    # What is drawn last is nearest to the eye; y points down in SVG.
    parts = [(-np.inf, _line(edge, "#999999", 0.04 * half)) for edge in corners]
    if len(symbols) <= _MOST_BONDED:
        parts += [
            (float(ends[:, 2].min()), _line(ends, "#8c8c8c", 0.16)) for ends in _bonds(seen, radii)
        ]
    parts += [
        (float(place[2]), _disc(symbol, place, float(disc), len(symbols) <= _MOST_LABELLED))
        for symbol, place, disc in zip(symbols, seen, discs, strict=True)
    ]
    body = "".join(text for _, text in sorted(parts, key=lambda item: item[0]))
    window = f"{middle[0] - half:.2f} {-middle[1] - half:.2f} {2 * half:.2f} {2 * half:.2f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_PIXELS}" height="{_PIXELS}" '
        f'viewBox="{window}" text-anchor="middle" font-family="sans-serif">{body}</svg>'
    ).encode()


def _line(ends: Floats, colour: str, width: float) -> str:
    (x1, y1), (x2, y2) = ends[0, :2], ends[1, :2]
    return (
        f'<path d="M{x1:.2f} {-y1:.2f}L{x2:.2f} {-y2:.2f}" stroke="{colour}" '
        f'stroke-width="{width:.2f}"/>'
    )


def _disc(symbol: str, place: Floats, radius: float, labelled: bool) -> str:
    number = atomic_numbers[symbol]
    colour = jmol_colors[number] if number < len(jmol_colors) else _OTHER_COLOUR
    fill = "#" + "".join(f"{round(255 * part):02x}" for part in colour.tolist())
    x, y = float(place[0]), -float(place[1])
    disc = (
        f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:.2f}" fill="{fill}" stroke="#333" '
        'stroke-width=".03"/>'
    )
    if not labelled:
        return disc
    ink = "#fff" if float(colour.mean()) < _DARK else "#222"
    return (
        f'{disc}<text x="{x:.2f}" y="{y + 0.35 * radius:.2f}" font-size="{radius:.2f}" '
        f'fill="{ink}">{symbol}</text>'
    )


def _bonds(seen: Floats, radii: Floats) -> list[Floats]:
    """Returns the ends [2, 3] of each bond."""
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=2)
    near = distances < _BOND * (radii[:, None] + radii[None])
    return [seen[pair] for pair in np.argwhere(np.triu(near, k=1))]


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
