"""What the compiled loops of the mBP descriptor do with one block of pairs or triples.

Rows over the items of a block, in arrays that stay in the nearest cache: short loops that the
compiler turns into vector instructions. Formulas and letters as in descriptors.radial and .angular:
Nr, Np, Nq radial centres, angular centres and angles.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from panna_exp.compiling import compiled, exp_of, fma, inlined

BLOCK = 64  # pairs or triples

# Columns of the table of pairs.
R, NX, NY, NZ, FC_ANG, DERIVATIVE_ANG, FC_RAD, DERIVATIVE_RAD = range(8)


class Constants(NamedTuple):
    """What the loops need of a descriptor; arrays in the precision of the work.

    Args:
        radial_centers, radial_eta: [Nr].
        centers, eta: [Np].
        constant, cosine, sine, smoothing, zeta, lowest: [Nq], see descriptors.angular.
        power: zeta where it is one whole number for all angles, otherwise 0.
        smooth: Whether the angle is smoothed (variant C).
        collinear: Sines below it count as collinear in derivatives.
        floor: Exponents below its negative are held there.
        multiplicity: [U] factor on the sums of each pair of species.
    """

    radial_centers: Any
    radial_eta: Any
    centers: Any
    eta: Any
    constant: Any
    cosine: Any
    sine: Any
    smoothing: Any
    zeta: Any
    lowest: Any
    power: int
    smooth: bool
    collinear: Any
    floor: Any
    multiplicity: Any


class Work(NamedTuple):
    """Arrays of one block, made by the caller: one set for each thread.

    By triple [block]: cosine to cut; by triple and angle [block Nq]: base to derivative; then
    Gaussians [Np block], distances [block], radial Gaussians [Nr block], terms by pair [block Nr].
    """

    cosine: Any
    sine: Any
    mean: Any
    cut: Any
    base: Any
    sines: Any
    powers: Any
    square: Any
    factor: Any
    derivative: Any
    gaussians: Any
    distance: Any
    radial: Any
    by_pair: Any


def work_arrays(k: Constants) -> Work:
    """Returns new arrays of a block."""
    dtype, angles = k.zeta.dtype, len(k.zeta)
    sizes = [1] * 4 + [angles] * 6
    sizes += [len(k.centers), 1, len(k.radial_centers), len(k.radial_centers)]
    return Work._make(np.empty(BLOCK * size, dtype) for size in sizes)


class Factors(NamedTuple):
    """What a product needs of triples: by triple and angle [Q Nq], by triple and centre [Q Np].

    Args:
        factor, derivative: The angle's B and dB/dc.
        scale: Gaussian times both cutoffs.
        tilt: Its derivative by each of the two distances, but for that of the cutoffs.
    """

    factor: Any
    derivative: Any
    scale: Any
    tilt: Any


def factor_arrays(k: Constants, triples: int) -> Factors:
    """Returns new arrays for as many triples."""
    sizes = [len(k.zeta)] * 2 + [len(k.centers)] * 2
    return Factors._make(np.empty(triples * size, k.zeta.dtype) for size in sizes)


@inlined
def gaussians(x: Any, count: int, centers: Any, eta: Any, floor: Any, out: Any) -> None:
    """Fills ``out`` [N count] with exp(-eta (x - centre)^2) of ``count`` numbers, row by row."""
    for k in range(len(centers)):
        center, exponent = centers[k], eta[k]
        for t in range(count):
            offset = x[t] - center
            value = -exponent * offset * offset
            out[k * count + t] = value if value > -floor else -floor
    for item in range(len(centers) * count):
        out[item] = exp_of(out[item])


@inlined
def angles(table: Any, first: Any, second: Any, at: int, count: int, smooth: bool, w: Any) -> None:
    """Fills the work arrays' cosine, sine (or its square), mean distance and product of cutoffs."""
    for t in range(count):
        j, k = first[at + t], second[at + t]
        ax, ay, az = table[j, NX], table[j, NY], table[j, NZ]
        bx, by, bz = table[k, NX], table[k, NY], table[k, NZ]
        c = fma(az, bz, fma(ay, by, ax * bx))
        w.cosine[t] = c
        if smooth:
            square = fma(-c, c, 1)
            w.sine[t] = square if square > 0 else 0 * square
        else:
            # 1 - c^2 has lost half of its digits near 0, where the result depends on the sine.
            x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            w.sine[t] = math.sqrt(x * x + y * y + z * z)
        w.mean[t] = (table[j, R] + table[k, R]) / 2
        w.cut[t] = table[j, FC_ANG] * table[k, FC_ANG]


@inlined
def by_angle(
    count: int,
    size: int,
    k: Constants,
    derivatives: bool,
    w: Any,
    factor: Any,
    derivative: Any,
    to: int,
) -> None:
    """Fills ``factor`` [block Nq] from ``to``: the angle's B; if asked for, ``derivative``: dB/dc.

    Worked out angle by angle, in rows over triples, then turned round: an atom's sums need all
    angles of a triple side by side.
    """
    base, sines, powers, square = w.base, w.sines, w.powers, w.square
    for q in range(size):
        constant, cosine, sine = k.constant[q], k.cosine[q], k.sine[q]
        smoothing, lowest = k.smoothing[q], k.lowest[q]
        if k.smooth:
            for t in range(count):
                sines[q * count + t] = np.sqrt(w.sine[t] + smoothing)
        else:
            for t in range(count):
                sines[q * count + t] = w.sine[t]
        for t in range(count):
            value = fma(sine, sines[q * count + t], fma(cosine, w.cosine[t], constant))
            base[q * count + t] = value if value > lowest else lowest
    number = size * count
    if k.power > 0:
        for item in range(number):
            powers[item] = 1
            square[item] = base[item]
        left = k.power - 1
        while left > 0:
            if left & 1:
                for item in range(number):
                    powers[item] *= square[item]
            left >>= 1
            if left > 0:
                for item in range(number):
                    square[item] *= square[item]
    else:
        for q in range(size):
            for t in range(q * count, (q + 1) * count):
                powers[t] = np.exp((k.zeta[q] - 1) * np.log(base[t]))
    if derivatives:
        collinear = k.collinear
        for q in range(size):
            cosine, sine = k.cosine[q] * k.zeta[q], k.sine[q] * k.zeta[q]
            for t in range(count):
                s = sines[q * count + t]
                s = s if s > collinear else collinear
                square[q * count + t] = powers[q * count + t] * fma(-sine, w.cosine[t] / s, cosine)
        for t in range(count):
            for q in range(size):
                derivative[to + t * size + q] = square[q * count + t]
    for item in range(number):
        powers[item] *= base[item]
    for t in range(count):
        for q in range(size):
            factor[to + t * size + q] = powers[q * count + t]


@inlined
def radial_terms(
    table: Any, at: int, count: int, size: int, k: Constants, derivatives: bool, w: Any
) -> None:
    """Fills ``w.by_pair`` [block Nr]: radial terms of each pair, or derivatives by distance."""
    for t in range(count):
        w.distance[t] = table[at + t, R]
    gaussians(w.distance, count, k.radial_centers, k.radial_eta, k.floor, w.radial)
    if derivatives:
        for t in range(count):
            w.cut[t] = table[at + t, DERIVATIVE_RAD]
        for m in range(size):
            center, doubled = k.radial_centers[m], 2 * k.radial_eta[m]
            for t in range(count):
                inner = fma(-doubled, w.distance[t] - center, w.cut[t])
                w.radial[m * count + t] *= inner
    for t in range(count):
        factor = table[at + t, FC_RAD]
        for m in range(size):
            w.by_pair[t * size + m] = factor * w.radial[m * count + t]


@compiled
def angular_terms(
    table: Any,
    first: Any,
    second: Any,
    at: int,
    count: int,
    k: Constants,
    derivatives: bool,
    w: Work,
    factor: Any,
    derivative: Any,
    to: int,
) -> None:
    """Fills the work arrays of triples from ``at`` on, ``factor`` and ``derivative`` from ``to``.

    A function of its own, that several loops share: compiling it takes longer than all else.
    """
    angles(table, first, second, at, count, k.smooth, w)
    gaussians(w.mean, count, k.centers, k.eta, k.floor, w.gaussians)
    by_angle(count, len(k.zeta), k, derivatives, w, factor, derivative, to * len(k.zeta))


@compiled
def triple_factors(
    table: Any,
    first: Any,
    second: Any,
    at: int,
    count: int,
    k: Constants,
    w: Work,
    out: Factors,
    to: int,
) -> None:
    """Fills ``out`` from triple ``to`` on with the factors of ``count`` triples from ``at`` on."""
    centers = len(k.centers)
    angular_terms(table, first, second, at, count, k, True, w, out.factor, out.derivative, to)
    for p in range(centers):
        center, exponent = k.centers[p], k.eta[p]
        for t in range(count):
            scale = w.cut[t] * w.gaussians[p * count + t]
            place = (to + t) * centers + p
            out.scale[place] = scale
            out.tilt[place] = -scale * exponent * (w.mean[t] - center)
