"""Three-body terms of the original Behler-Parrinello descriptor: of two pairs (j, k) of a centre i.

    g = ((1 + l c) / 2)^zeta exp(-eta (r_ij^2 + r_ik^2 + r_jk^2)) fc(r_ij) fc(r_ik) fc(r_jk)

with c the cosine of the angle at i, for every eta, zeta and l = +1, -1 (in PANNA's order, l
innermost). fc(r_jk) is 0 beyond the cutoff, as in the formula's publication (Behler and
Parrinello, Phys. Rev. Lett. 98, 146401 (2007)); PANNA's own code forgets that.

r_jk needs no derivatives of its own. With h_l = (1 + l c) / 2, which is |n_ij + l n_ik|^2 / 4 of
the unit vectors, its square is s = (r_ij - r_ik)^2 + 4 r_ij r_ik h_-, a smooth function of r_ij,
r_ik and c; written like this nothing cancels where j and k are near one another.

As in :mod:`panna_exp.descriptors.angular` g is an outer product A_eta B_(zeta, l), and its
derivatives are g times those of the logarithms.

Letters: Q triples, Na exponents eta, Nb = 2 Nz pairs of zeta and l, N = Na Nb.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from panna_exp.descriptors.bp_parameters import SIGNS, BPParameters
from panna_exp.descriptors.formulas import cutoff_function, opposite_square, power
from panna_exp.descriptors.radial import EXPONENT_FLOOR, cutoff_log_derivative
from panna_exp.descriptors.triples import TripleGradient, dot

# h below this counts as 0 in derivatives of h^zeta with zeta < 1, which have no limit there. For
# the others such triples give less than its root.
_COLLINEAR = {torch.float32: 1e-8, torch.float64: 1e-20}
# r_jk below this part of the cutoff counts as this in fc'(r) / (fc(r) r), which is flat there.
_TOGETHER = 1e-5


@dataclass(frozen=True, slots=True)
class _Triples:
    """What the terms of Q triples are made of.

    Args:
        first: [5 or 6, Q] of pair (i, j): r, unit vector (3), fc, and fc'/fc for derivatives.
        second: as ``first`` of pair (i, k).
        halves: [2, Q] h_+ and h_-.
        opposite: [Q] s = r_jk^2.
        squares: [Q] r_ij^2 + r_ik^2 + r_jk^2.
    """

    first: Tensor
    second: Tensor
    halves: Tensor
    opposite: Tensor
    squares: Tensor


@dataclass(frozen=True, slots=True)
class _Derivatives:
    """What derivatives need besides g.

    Args:
        angle: [Nb, Q] d ln B / dc.
        cutoff: [Q] d ln fc(r_jk) / ds.
        first: [Q] ds / dr_ij.
        second: [Q] ds / dr_ik.
        cosine: [Q] ds / dc.
    """

    angle: Tensor
    cutoff: Tensor
    first: Tensor
    second: Tensor
    cosine: Tensor


class BPAngularTerms:
    """g of each triple, and the products with its derivatives.

    Args:
        parameters: Exponents and cutoff.
        dtype: float32 or float64.
        device: Where the constants are kept.
    """

    def __init__(self, parameters: BPParameters, dtype: torch.dtype, device: torch.device) -> None:
        def on_device(values: Tensor) -> Tensor:
            return values.to(device, dtype)

        eta = torch.tensor(parameters.angular_eta, dtype=torch.float64)
        zeta = torch.tensor(parameters.zeta, dtype=torch.float64)
        self.num_zeta = len(zeta)
        num_eta, num_angles = len(eta), len(zeta) * len(SIGNS)
        self.size = num_eta * num_angles
        self.num_angles = num_angles
        self.cutoff = parameters.cutoff_angular
        self.floor = EXPONENT_FLOOR[dtype]

        zetas = zeta.repeat_interleave(len(SIGNS))
        self.eta = on_device(eta[:, None])  # [Na, 1]
        self.zeta = on_device(zetas[:, None])  # [Nb, 1]
        signs = torch.tensor(SIGNS, dtype=torch.float64).repeat(self.num_zeta)
        self.half_zeta = on_device((zetas * signs / 2)[:, None])  # [Nb, 1] zeta dh/dc
        # h is held above exp(-floor / zeta), for the reason of the floor.
        lowest = torch.exp(-self.floor / zetas).clamp(min=torch.finfo(dtype).tiny)
        self.lowest = on_device(lowest[:, None])  # [Nb, 1]
        guard = torch.full_like(lowest, _COLLINEAR[dtype]) * (zetas < 1)
        self.lowest_in_derivative = on_device(torch.maximum(lowest, guard)[:, None])  # [Nb, 1]

        ones_eta, ones_angle = torch.ones(num_eta), torch.ones(num_angles)
        self.expand_eta = on_device(torch.kron(torch.eye(num_eta), ones_angle))  # [Na, N]
        self.expand_angles = on_device(torch.kron(ones_eta, torch.eye(num_angles)))  # [Nb, N]
        # Rows: each angle; one; eta.
        by_eta = torch.stack([torch.ones_like(eta), eta])
        expanded = on_device(by_eta.repeat_interleave(num_angles, dim=1))
        self.sums = torch.cat([self.expand_angles, expanded])  # [Nb + 2, N]

    def values(self, pairs: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Returns g [Q, N]; (TripleTerms)."""
        triples = self._triples(pairs, first, second)
        distance = triples.opposite.sqrt()
        return self._values(triples, distance, self._halves(triples))

    def vjp(self, pairs: Tensor, first: Tensor, second: Tensor, weights: Tensor) -> TripleGradient:
        """Returns the derivatives of the sum of ``weights`` [Q, N] times g (TripleTerms)."""
        triples = self._triples(pairs, first, second)
        values, partials = self._values_and_derivatives(triples)
        sums = self.sums @ values.mul_(weights).t()  # [Nb + 2, Q]
        total, by_eta = sums[self.num_angles :]
        along_opposite = total * partials.cutoff - by_eta
        one, other = triples.first, triples.second
        along_cosine = partials.angle.mul_(sums[: self.num_angles]).sum(0)
        return TripleGradient(
            first=along_opposite * partials.first + total * one[5] - 2 * by_eta * one[0],
            second=along_opposite * partials.second + total * other[5] - 2 * by_eta * other[0],
            cosine=along_cosine.addcmul_(along_opposite, partials.cosine),
            first_direction=one[1:4],
            second_direction=other[1:4],
        )

    def jvp(self, pairs: Tensor, first: Tensor, second: Tensor, changes: Tensor) -> Tensor:
        """Returns how g [Q, N] changes with ``changes`` [4, P] of each pair (TripleTerms)."""
        triples = self._triples(pairs, first, second)
        one, other = changes.index_select(1, first), changes.index_select(1, second)
        cosine = dot(triples.second[1:4], one[1:]) + dot(triples.first[1:4], other[1:])
        values, partials = self._values_and_derivatives(triples)
        opposite = partials.first * one[0] + partials.second * other[0] + partials.cosine * cosine
        lengths = triples.first[0] * one[0] + triples.second[0] * other[0]
        cutoffs = triples.first[5] * one[0] + triples.second[5] * other[0]
        log_change = torch.cat(
            [
                partials.angle.mul_(cosine),
                cutoffs.addcmul_(partials.cutoff, opposite)[None],
                lengths.mul_(-2).sub_(opposite)[None],
            ]
        )  # [Nb + 2, Q]
        return values.mul_(log_change.t() @ self.sums)

    def _triples(self, pairs: Tensor, first: Tensor, second: Tensor) -> _Triples:
        """Gathers the two pairs of each triple, and finds their angle and the third side."""
        one, other = pairs.index_select(1, first), pairs.index_select(1, second)
        together, apart = one[1:4] + other[1:4], one[1:4] - other[1:4]
        halves = torch.stack([dot(together, together), dot(apart, apart)]).mul_(0.25)
        opposite = opposite_square(one[0], other[0], halves[1])
        squares = one[0].square().addcmul_(other[0], other[0]).add_(opposite)
        return _Triples(first=one, second=other, halves=halves, opposite=opposite, squares=squares)

    def _halves(self, triples: _Triples) -> Tensor:
        """Returns h of every pair of zeta and l [Nb, Q], not held above anything yet."""
        return triples.halves.repeat(self.num_zeta, 1)

    def _values(self, triples: _Triples, distance: Tensor, halves: Tensor) -> Tensor:
        by_eta = (triples.squares * -self.eta).clamp_(min=-self.floor).exp_()
        cutoffs = triples.first[4] * triples.second[4] * cutoff_function(distance, self.cutoff)
        by_eta.mul_(cutoffs)
        by_angle = power(torch.maximum(halves, self.lowest), self.zeta)
        return (by_eta.t() @ self.expand_eta).mul_(by_angle.t() @ self.expand_angles)

    def _values_and_derivatives(self, triples: _Triples) -> tuple[Tensor, _Derivatives]:
        halves = self._halves(triples)
        distance = triples.opposite.sqrt()
        values = self._values(triples, distance, halves)
        above = distance.clamp(min=_TOGETHER * self.cutoff)
        one, other = triples.first[0], triples.second[0]
        difference, apart = one - other, triples.halves[1]
        partials = _Derivatives(
            angle=self.half_zeta / torch.maximum(halves, self.lowest_in_derivative),
            cutoff=cutoff_log_derivative(above, self.cutoff).div_(above).mul_(0.5),
            first=torch.addcmul(difference, other, apart, value=2).mul_(2),
            second=torch.addcmul(-difference, one, apart, value=2).mul_(2),
            cosine=(one * other).mul_(-2),
        )
        return values, partials
