"""Triton kernels of the mBP descriptor: pairs, radial terms, and sums over an atom's pairs.

Programs own what they write: nothing is added to memory by several of them, so that the same input
gives the same bits. How many programs there are follows from shapes, loops end where the lists on
the device say: a launch asks the device nothing and can be recorded in a CUDA graph.

Shapes: A atoms, P pairs, S structures, T species, Nr radial centres, D components. A table of pairs
[P, 8] holds r, the unit vector (3), and fc and fc'/fc of the angular and of the radial cutoff.
Numbers that are not powers of two are padded with items that count for nothing.
"""

import math
from typing import Any

import triton
import triton.language as tl

_PI = tl.constexpr(math.pi)


@triton.jit
def at_least(values: tl.tensor, lowest: tl.tensor) -> Any:
    """Returns the larger of two; NaN stays NaN, which tl.maximum would drop."""
    return tl.where(values < lowest, lowest, values)


@triton.jit
def cutoff_and_derivative(r: tl.tensor, CUTOFF: tl.constexpr) -> Any:
    """Returns fc(r) and fc'(r) / fc(r), both 0 beyond the cutoff, as descriptors.radial."""
    outside = r >= CUTOFF
    angle = tl.where(outside, 0.0, r) * (_PI / (2 * CUTOFF))
    cosine = tl.cos(angle)
    derivative = tl.sin(angle) / cosine * (-_PI / CUTOFF)
    return tl.where(outside, 0.0, cosine * cosine), derivative


@triton.jit(do_not_specialize=["count"])  # it differs from batch to batch
def pair_table(
    positions: tl.tensor,  # [A, 3] float64
    center: tl.tensor,  # [P]
    neighbor: tl.tensor,  # [P]
    shift: tl.tensor,  # [P, 3] float64
    table: tl.tensor,  # [P, 8], written
    count: tl.tensor,  # P
    CUTOFF_RADIAL: tl.constexpr,
    CUTOFF_ANGULAR: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Fills the table of pairs; differences of positions are float64 in any precision."""
    pair = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = pair < count
    i = 3 * tl.load(center + pair, mask=inside, other=0)
    j = 3 * tl.load(neighbor + pair, mask=inside, other=0)
    s = 3 * pair
    x = tl.load(positions + j, mask=inside, other=0.0) + tl.load(shift + s, mask=inside, other=1.0)
    x -= tl.load(positions + i, mask=inside, other=0.0)
    y = tl.load(positions + j + 1, mask=inside, other=0.0)
    y += tl.load(shift + s + 1, mask=inside, other=0.0)
    y -= tl.load(positions + i + 1, mask=inside, other=0.0)
    z = tl.load(positions + j + 2, mask=inside, other=0.0)
    z += tl.load(shift + s + 2, mask=inside, other=0.0)
    z -= tl.load(positions + i + 2, mask=inside, other=0.0)
    distance = tl.sqrt(x * x + y * y + z * z)
    dtype = table.dtype.element_ty
    r = distance.to(dtype)
    angular, angular_derivative = cutoff_and_derivative(r, CUTOFF_ANGULAR)
    radial, radial_derivative = cutoff_and_derivative(r, CUTOFF_RADIAL)
    to = table + pair * 8
    tl.store(to, r, mask=inside)
    tl.store(to + 1, (x / distance).to(dtype), mask=inside)
    tl.store(to + 2, (y / distance).to(dtype), mask=inside)
    tl.store(to + 3, (z / distance).to(dtype), mask=inside)
    tl.store(to + 4, angular, mask=inside)
    tl.store(to + 5, angular_derivative, mask=inside)
    tl.store(to + 6, radial, mask=inside)
    tl.store(to + 7, radial_derivative, mask=inside)


@triton.jit(do_not_specialize=["count"])  # it differs from batch to batch
def pair_changes(
    table: tl.tensor,  # [P, 8]
    center: tl.tensor,  # [P]
    neighbor: tl.tensor,  # [P]
    structure: tl.tensor,  # [A]
    u: tl.tensor,  # [A, 3]
    strain: tl.tensor,  # [S, 3, 3], unused without STRAIN
    changes: tl.tensor,  # [P, 4], written
    count: tl.tensor,  # P
    STRAIN: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Fills the changes of each pair's length and unit vector (3) when atoms move by ``u``."""
    pair = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = pair < count
    atom = tl.load(center + pair, mask=inside, other=0)
    i = u + 3 * atom
    j = u + 3 * tl.load(neighbor + pair, mask=inside, other=0)
    row = table + pair * 8
    r = tl.load(row, mask=inside, other=1.0)
    nx = tl.load(row + 1, mask=inside, other=0.0)
    ny = tl.load(row + 2, mask=inside, other=0.0)
    nz = tl.load(row + 3, mask=inside, other=0.0)
    x = tl.load(j, mask=inside, other=0.0) - tl.load(i, mask=inside, other=0.0)
    y = tl.load(j + 1, mask=inside, other=0.0) - tl.load(i + 1, mask=inside, other=0.0)
    z = tl.load(j + 2, mask=inside, other=0.0) - tl.load(i + 2, mask=inside, other=0.0)
    if STRAIN:
        e = strain + 9 * tl.load(structure + atom, mask=inside, other=0)
        vx, vy, vz = r * nx, r * ny, r * nz
        x += vx * tl.load(e, mask=inside, other=0.0)
        x += vy * tl.load(e + 3, mask=inside, other=0.0)
        x += vz * tl.load(e + 6, mask=inside, other=0.0)
        y += vx * tl.load(e + 1, mask=inside, other=0.0)
        y += vy * tl.load(e + 4, mask=inside, other=0.0)
        y += vz * tl.load(e + 7, mask=inside, other=0.0)
        z += vx * tl.load(e + 2, mask=inside, other=0.0)
        z += vy * tl.load(e + 5, mask=inside, other=0.0)
        z += vz * tl.load(e + 8, mask=inside, other=0.0)
    dr = nx * x + ny * y + nz * z
    to = changes + pair * 4
    tl.store(to, dr, mask=inside)
    tl.store(to + 1, (x - nx * dr) / r, mask=inside)
    tl.store(to + 2, (y - ny * dr) / r, mask=inside)
    tl.store(to + 3, (z - nz * dr) / r, mask=inside)


@triton.jit
def gaussian(x: tl.tensor, center: tl.tensor, eta: tl.tensor, FLOOR: tl.constexpr) -> Any:
    """Returns exp(-eta (x - centre)^2), its exponent held above ``-FLOOR``."""
    offset = x - center
    return tl.exp(at_least(-eta * offset * offset, -FLOOR))


@triton.jit
def radial_rows(
    table: tl.tensor,  # [P, 8]
    changes: tl.tensor,  # [P, 4], unused without JVP
    rows: tl.tensor,  # [A T + 1]
    radial: tl.tensor,  # [2, Nr] centres, eta
    out: tl.tensor,  # [A, D], the radial part written
    WIDTH: tl.constexpr,  # D
    NUM_SPECIES: tl.constexpr,
    NR: tl.constexpr,
    FLOOR: tl.constexpr,
    JVP: tl.constexpr,
    BLOCK: tl.constexpr,
    BLOCK_R: tl.constexpr,
) -> None:
    """Sums the radial terms of one centre and species of neighbour, or (JVP) their changes."""
    row = tl.program_id(0).to(tl.int64)
    start, stop = tl.load(rows + row), tl.load(rows + row + 1)
    m = tl.arange(0, BLOCK_R)
    used = m < NR
    center = tl.load(radial + m, mask=used, other=0.0)[None, :]
    eta = tl.load(radial + NR + m, mask=used, other=0.0)[None, :]
    total = tl.zeros((BLOCK, BLOCK_R), table.dtype.element_ty)
    for at in range(start, stop, BLOCK):
        pair = at + tl.arange(0, BLOCK)
        inside = pair < stop
        r = tl.load(table + pair * 8, mask=inside, other=0.0)[:, None]
        factor = tl.load(table + pair * 8 + 6, mask=inside, other=0.0)[:, None]
        terms = factor * gaussian(r, center, eta, FLOOR)
        if JVP:
            derivative = tl.load(table + pair * 8 + 7, mask=inside, other=0.0)[:, None]
            dr = tl.load(changes + pair * 4, mask=inside, other=0.0)[:, None]
            terms *= (derivative - 2 * eta * (r - center)) * dr
        total += terms
    place = row // NUM_SPECIES * WIDTH + row % NUM_SPECIES * NR + m
    tl.store(out + place, tl.sum(total, axis=0), mask=used)


@triton.jit
def atom_sums(
    table: tl.tensor,  # [P, 8]
    gradient: tl.tensor,  # [P, 3]
    rows: tl.tensor,  # [A T + 1]
    result: tl.tensor,  # [A, 3], written
    strain: tl.tensor,  # [A, 3, 3], written with STRAIN
    NUM_SPECIES: tl.constexpr,
    STRAIN: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Sums over the pairs of one centre: minus their gradients, and vector times gradient."""
    atom = tl.program_id(0).to(tl.int64)
    start, stop = tl.load(rows + atom * NUM_SPECIES), tl.load(rows + (atom + 1) * NUM_SPECIES)
    axis = tl.arange(0, 4)
    total = tl.zeros((BLOCK, 4), table.dtype.element_ty)
    products = tl.zeros((BLOCK, 4, 4), table.dtype.element_ty)
    for at in range(start, stop, BLOCK):
        pair = at + tl.arange(0, BLOCK)[:, None]
        inside = (pair < stop) & (axis < 3)[None, :]
        values = tl.load(gradient + pair * 3 + axis[None, :], mask=inside, other=0.0)
        total -= values
        if STRAIN:
            vector = tl.load(table + pair * 8 + 1 + axis[None, :], mask=inside, other=0.0)
            vector *= tl.load(table + pair * 8, mask=pair < stop, other=0.0)
            products += vector[:, :, None] * values[:, None, :]
    tl.store(result + atom * 3 + axis, tl.sum(total, axis=0), mask=axis < 3)
    if STRAIN:
        place = atom * 9 + 3 * axis[:, None] + axis[None, :]
        used = (axis < 3)[:, None] & (axis < 3)[None, :]
        tl.store(strain + place, tl.sum(products, axis=0), mask=used)
