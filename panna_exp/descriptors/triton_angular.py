"""Triton kernels of the mBP descriptor's three-body terms; formulas as in descriptors.angular.

Sums of values and of their changes: a program for each centre and pair of species, whose triples
lie side by side. Derivatives by pairs: a program for each pair, which goes through the other pairs
of its centre. It computes each triple twice, once from either side, but has every term of its pair
at hand: one program a triple would have to add to what others add to.

Shapes: A atoms, P pairs, Q triples, T species, U = T (T + 1) / 2, Np angular centres, Nq angles,
Nr radial centres, D components. Blocks are [triples or pairs, Np, Nq], padded to powers of two.
"""

from typing import Any

import triton
import triton.language as tl

from panna_exp.descriptors.triton_pairs import at_least, gaussian


@triton.jit
def angle_constants(angles: tl.tensor, q: tl.tensor, NQ: tl.constexpr) -> Any:
    """Returns constant, cosine, sine, smoothing, zeta and lowest base, each [1, Nq].

    ``angles`` is [6, Nq]; padded angles have a base of 1, whose logarithm is harmless.
    """
    used = q < NQ
    return (
        tl.load(angles + q, mask=used, other=0.0)[None, :],
        tl.load(angles + NQ + q, mask=used, other=0.0)[None, :],
        tl.load(angles + 2 * NQ + q, mask=used, other=0.0)[None, :],
        tl.load(angles + 3 * NQ + q, mask=used, other=0.0)[None, :],
        tl.load(angles + 4 * NQ + q, mask=used, other=0.0)[None, :],
        tl.load(angles + 5 * NQ + q, mask=used, other=1.0)[None, :],
    )


@triton.jit
def center_constants(centers: tl.tensor, p: tl.tensor, NP: tl.constexpr) -> Any:
    """Returns R_p and eta_p, each [1, Np], of ``centers`` [2, Np]."""
    center = tl.load(centers + p, mask=p < NP, other=0.0)[None, :]
    return center, tl.load(centers + NP + p, mask=p < NP, other=0.0)[None, :]


@triton.jit
def directions(table: tl.tensor, pair: tl.tensor, inside: tl.tensor) -> Any:
    """Returns the unit vectors of pairs."""
    row = table + pair * 8
    x = tl.load(row + 1, mask=inside, other=0.0)
    y = tl.load(row + 2, mask=inside, other=0.0)
    return x, y, tl.load(row + 3, mask=inside, other=0.0)


@triton.jit
def corner(
    ax: tl.tensor,
    ay: tl.tensor,
    az: tl.tensor,
    bx: tl.tensor,
    by: tl.tensor,
    bz: tl.tensor,
    SMOOTH: tl.constexpr,
) -> Any:
    """Returns the cosine of the angle between unit vectors and the square of its sine."""
    cosine = ax * bx + ay * by + az * bz
    if SMOOTH:
        square = at_least(1 - cosine * cosine, 0.0)
    else:
        # 1 - c^2 has lost half of its digits near 0, where the result depends on the sine.
        x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        square = x * x + y * y + z * z
    return cosine, square


@triton.jit
def by_angle(
    cosine: tl.tensor,
    square: tl.tensor,
    constant: tl.tensor,
    cosine_factor: tl.tensor,
    sine_factor: tl.tensor,
    smoothing: tl.tensor,
    zeta: tl.tensor,
    lowest: tl.tensor,
    COLLINEAR: tl.constexpr,
) -> Any:
    """Returns B [triples, Nq] and d ln B / dc; the smoothing of variants A and B is 0."""
    c = cosine[:, None]
    sine = tl.sqrt(square[:, None] + smoothing)
    base = at_least(constant + cosine_factor * c + sine_factor * sine, lowest)
    log_derivative = zeta * (cosine_factor - sine_factor * (c / at_least(sine, COLLINEAR))) / base
    return tl.exp(zeta * tl.log(base)), log_derivative


@triton.jit
def angular_rows(
    table: tl.tensor,  # [P, 8]
    changes: tl.tensor,  # [P, 4], unused without JVP
    first: tl.tensor,  # [Q]
    second: tl.tensor,  # [Q]
    rows: tl.tensor,  # [A U + 1]
    multiplicity: tl.tensor,  # [U]
    centers: tl.tensor,  # [2, Np]
    angles: tl.tensor,  # [6, Nq]
    out: tl.tensor,  # [A, D], the angular part written
    WIDTH: tl.constexpr,  # D
    BEGIN: tl.constexpr,  # of the angular part in a row of D
    NUM_PAIRS: tl.constexpr,  # U
    NP: tl.constexpr,
    NQ: tl.constexpr,
    FLOOR: tl.constexpr,
    COLLINEAR: tl.constexpr,
    SMOOTH: tl.constexpr,
    JVP: tl.constexpr,
    BLOCK: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_Q: tl.constexpr,
) -> None:
    """Sums the terms of one centre's triples of one pair of species, or (JVP) their changes."""
    row = tl.program_id(0).to(tl.int64)
    start, stop = tl.load(rows + row), tl.load(rows + row + 1)
    # Spare triples of padded lists are all in one row, which would keep one program busy long
    # after the others: twice the same pair is not a triple.
    some = start < stop
    same = tl.load(first + start, mask=some, other=0) == tl.load(second + start, mask=some, other=0)
    stop = tl.where(same, start, stop)
    p, q = tl.arange(0, BLOCK_P), tl.arange(0, BLOCK_Q)
    center, eta = center_constants(centers, p, NP)
    constant, cosine_factor, sine_factor, smoothing, zeta, lowest = angle_constants(angles, q, NQ)
    total = tl.zeros((BLOCK, BLOCK_P, BLOCK_Q), table.dtype.element_ty)
    for at in range(start, stop, BLOCK):
        triple = at + tl.arange(0, BLOCK)
        inside = triple < stop
        j = tl.load(first + triple, mask=inside, other=0)
        k = tl.load(second + triple, mask=inside, other=0)
        ax, ay, az = directions(table, j, inside)
        bx, by, bz = directions(table, k, inside)
        cosine, square = corner(ax, ay, az, bx, by, bz, SMOOTH)
        factor, log_derivative = by_angle(
            cosine, square, constant, cosine_factor, sine_factor, smoothing, zeta, lowest, COLLINEAR
        )
        mean = tl.load(table + j * 8, mask=inside, other=0.0)
        mean = (0.5 * (mean + tl.load(table + k * 8, mask=inside, other=0.0)))[:, None]
        cut = tl.load(table + j * 8 + 4, mask=inside, other=0.0)
        cut *= tl.load(table + k * 8 + 4, mask=inside, other=0.0)
        scale = cut[:, None] * gaussian(mean, center, eta, FLOOR)
        if JVP:
            one, other = changes + j * 4, changes + k * 4
            dcosine = bx * tl.load(one + 1, mask=inside, other=0.0)
            dcosine += by * tl.load(one + 2, mask=inside, other=0.0)
            dcosine += bz * tl.load(one + 3, mask=inside, other=0.0)
            dcosine += ax * tl.load(other + 1, mask=inside, other=0.0)
            dcosine += ay * tl.load(other + 2, mask=inside, other=0.0)
            dcosine += az * tl.load(other + 3, mask=inside, other=0.0)
            dr = tl.load(one, mask=inside, other=0.0)
            also = tl.load(other, mask=inside, other=0.0)
            damped = dr * tl.load(table + j * 8 + 5, mask=inside, other=0.0)
            damped += also * tl.load(table + k * 8 + 5, mask=inside, other=0.0)
            stretched = damped[:, None] - eta * (mean - center) * (dr + also)[:, None]
            bent = log_derivative * dcosine[:, None]
            change = stretched[:, :, None] + bent[:, None, :]
            total += scale[:, :, None] * factor[:, None, :] * change
        else:
            total += scale[:, :, None] * factor[:, None, :]
    kind = row % NUM_PAIRS
    sums = tl.sum(total, axis=0) * tl.load(multiplicity + kind)
    place = row // NUM_PAIRS * WIDTH + BEGIN + kind * (NP * NQ) + p[:, None] * NQ + q[None, :]
    tl.store(out + place, sums, mask=(p < NP)[:, None] & (q < NQ)[None, :])


@triton.jit
def pair_gradient(
    table: tl.tensor,  # [P, 8]
    center_of: tl.tensor,  # [P]
    neighbor: tl.tensor,  # [P]
    species: tl.tensor,  # [A]
    rows: tl.tensor,  # [A T + 1] of pairs
    multiplicity: tl.tensor,  # [U]
    radial: tl.tensor,  # [2, Nr]
    centers: tl.tensor,  # [2, Np]
    angles: tl.tensor,  # [6, Nq]
    v: tl.tensor,  # [A, D]
    gradient: tl.tensor,  # [P, 3], written
    WIDTH: tl.constexpr,  # D
    BEGIN: tl.constexpr,  # of the angular part in a row of D
    NUM_SPECIES: tl.constexpr,
    NR: tl.constexpr,
    NP: tl.constexpr,
    NQ: tl.constexpr,
    FLOOR: tl.constexpr,
    COLLINEAR: tl.constexpr,
    SMOOTH: tl.constexpr,
    BLOCK: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_Q: tl.constexpr,
) -> None:
    """Writes the gradient of sum(v G) with respect to one pair's vector."""
    j = tl.program_id(0).to(tl.int64)
    atom = tl.load(center_of + j)
    own = tl.load(species + tl.load(neighbor + j))
    weights = v + atom * WIDTH
    row = table + j * 8
    r = tl.load(row)
    nx, ny, nz = tl.load(row + 1), tl.load(row + 2), tl.load(row + 3)
    cut, cut_derivative = tl.load(row + 4), tl.load(row + 5)

    m = tl.arange(0, BLOCK_R)
    middle = tl.load(radial + m, mask=m < NR, other=0.0)
    eta_r = tl.load(radial + NR + m, mask=m < NR, other=0.0)
    derivatives = gaussian(r, middle, eta_r, FLOOR) * tl.load(row + 6)
    derivatives *= tl.load(row + 7) - 2 * eta_r * (r - middle)
    derivatives *= tl.load(weights + own * NR + m, mask=m < NR, other=0.0)

    # Beyond the angular cutoff (also spare pairs of padded lists) there is nothing to sum.
    start = tl.load(rows + atom * NUM_SPECIES)
    stop = tl.where(cut == 0, start, tl.load(rows + (atom + 1) * NUM_SPECIES))
    p, q = tl.arange(0, BLOCK_P), tl.arange(0, BLOCK_Q)
    center, eta = center_constants(centers, p, NP)
    constant, cosine_factor, sine_factor, smoothing, zeta, lowest = angle_constants(angles, q, NQ)
    part = p[None, :, None] * NQ + q[None, None, :]
    used = (p < NP)[None, :, None] & (q < NQ)[None, None, :]
    along = tl.zeros((BLOCK,), table.dtype.element_ty)
    tx = tl.zeros((BLOCK,), table.dtype.element_ty)
    ty = tl.zeros((BLOCK,), table.dtype.element_ty)
    tz = tl.zeros((BLOCK,), table.dtype.element_ty)
    for at in range(start, stop, BLOCK):
        k = at + tl.arange(0, BLOCK)
        inside = (k < stop) & (k != j)
        bx, by, bz = directions(table, k, inside)
        cosine, square = corner(nx, ny, nz, bx, by, bz, SMOOTH)
        factor, log_derivative = by_angle(
            cosine, square, constant, cosine_factor, sine_factor, smoothing, zeta, lowest, COLLINEAR
        )
        other = tl.load(species + tl.load(neighbor + k, mask=inside, other=0))
        low, high = tl.minimum(own, other), tl.maximum(own, other)
        kind = low * (2 * NUM_SPECIES - low - 1) // 2 + high
        weight = tl.load(
            weights + BEGIN + kind[:, None, None] * (NP * NQ) + part,
            mask=inside[:, None, None] & used,
            other=0.0,
        )
        cuts = cut * tl.load(multiplicity + kind) * tl.load(table + k * 8 + 4, mask=inside, other=0)
        mean = (0.5 * (r + tl.load(table + k * 8, mask=inside, other=0.0)))[:, None]
        scale = cuts[:, None] * gaussian(mean, center, eta, FLOOR)
        weight *= factor[:, None, :]
        tilt = cut_derivative - eta * (mean - center)
        along += tl.sum(scale * tilt * tl.sum(weight, axis=2), axis=1)
        bent = tl.sum(scale * tl.sum(weight * log_derivative[:, None, :], axis=2), axis=1)
        tx += bent * bx
        ty += bent * by
        tz += bent * bz
    # d(unit vector)/d(vector) = (1 - n n^T) / r
    x, y, z = tl.sum(tx, axis=0), tl.sum(ty, axis=0), tl.sum(tz, axis=0)
    sideways = nx * x + ny * y + nz * z
    length = tl.sum(along, axis=0) + tl.sum(derivatives, axis=0)
    tl.store(gradient + j * 3, nx * length + (x - nx * sideways) / r)
    tl.store(gradient + j * 3 + 1, ny * length + (y - ny * sideways) / r)
    tl.store(gradient + j * 3 + 2, nz * length + (z - nz * sideways) / r)
