"""Three-body terms: of two pairs (j, k) of one centre i.

    g_pq = ((1 + c cos th_q + s_q sin th_q) / (1 + sqrt(1 + eps sin^2 th_q)))^zeta_q
           * exp(-eta_p ((r_ij + r_ik) / 2 - R_p)^2) fc(r_ij) fc(r_ik)

with c the cosine of the angle between the pairs and s_q = sqrt(1 - c^2 + eps sin^2 th_q). With
eps = 0 the first factor is ((1 + cos(t - th_q)) / 2)^zeta_q.

g_pq = A_p B_q is an outer product; derivatives are g_pq times those of ln A_p + ln B_q, so that
each triple needs three numbers only: along r_ij, r_ik and c.

Letters: P pairs, Q triples, Np angular centres, Nq angles, N = Np Nq. Arrays over triples are
stored component first, except g itself, whose rows [Q, N] are summed over the triples of a centre.
Products with constant matrices of zeros and ones pass from the one to the other; on a CPU that is
faster than broadcasting or transposing.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from panna_exp.descriptors.formulas import angle_base, gaussian, power, smoothed_sine
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.descriptors.radial import EXPONENT_FLOOR
from panna_exp.descriptors.triples import TripleGradient, dot

# s_q below this counts as collinear in derivatives; without smoothing the terms have a kink there.
_COLLINEAR = {torch.float32: 1e-4, torch.float64: 1e-10}
SMOOTHING = {"A": 0.0, "B": 0.0, "C": 0.01}


@dataclass(frozen=True, slots=True)
class _Triples:
    """What the terms of Q triples are made of.

    Args:
        first: [5 or 6, Q] of pair (i, j): r, unit vector (3), fc, and fc'/fc for derivatives.
        second: as ``first`` of pair (i, k).
        cosine: [Q] c.
        sine: [Q] sqrt(1 - c^2).
        mean: [Q] (r_ij + r_ik) / 2.
    """

    first: Tensor
    second: Tensor
    cosine: Tensor
    sine: Tensor
    mean: Tensor


class AngularTerms:
    """g_pq of each triple, and the products with its derivatives.

    Args:
        parameters: Centres, angles, exponents, cutoff and generation.
        dtype: float32 or float64.
        device: Where the constants are kept.
    """

    def __init__(self, parameters: MBPParameters, dtype: torch.dtype, device: torch.device) -> None:
        def column(values: Tensor) -> Tensor:
            return values[:, None].to(device, dtype)

        centers = torch.tensor(parameters.angular_centers, dtype=torch.float64)
        eta = torch.tensor(parameters.angular_eta, dtype=torch.float64)
        thetas = torch.tensor(parameters.thetas, dtype=torch.float64)
        zeta = torch.tensor(parameters.zeta, dtype=torch.float64)
        num_centers, num_angles = len(centers), len(thetas)
        self.size = num_centers * num_angles
        self.num_angles = num_angles
        self.cutoff = parameters.cutoff_angular
        self.smooth = SMOOTHING[parameters.generation] > 0
        self.floor = EXPONENT_FLOOR[dtype]
        self.collinear = _COLLINEAR[dtype]

        smoothing = SMOOTHING[parameters.generation] * torch.sin(thetas) ** 2
        norm = 1 + torch.sqrt(1 + smoothing)
        self.centers, self.eta, self.zeta = column(centers), column(eta), column(zeta)
        self.smoothing = column(smoothing)  # [Nq, 1] eps sin^2 th_q
        self.constant = column(1 / norm)  # [Nq, 1]
        self.cosine_factor = column(torch.cos(thetas) / norm)  # [Nq, 1]
        self.sine_factor = column(torch.sin(thetas) / norm)  # [Nq, 1]
        # The base of the power is held above exp(-floor / zeta), for the reason of the floor.
        lowest = torch.exp(-self.floor / zeta).clamp(min=torch.finfo(dtype).tiny)
        self.lowest_base = column(lowest)  # [Nq, 1]

        ones_p, ones_q = torch.ones(num_centers), torch.ones(num_angles)
        self.expand_centers = torch.kron(torch.eye(num_centers), ones_q).to(
            device, dtype
        )  # [Np, N]
        self.expand_angles = torch.kron(ones_p, torch.eye(num_angles)).to(device, dtype)  # [Nq, N]
        # Rows: each angle; one; eta_p; eta_p (R_p - R_middle), measured from the middle because
        # the last two nearly cancel.
        self.middle = float(centers.mean())
        by_center = torch.stack([torch.ones_like(eta), eta, eta * (centers - self.middle)])
        self.sums = torch.cat(
            [
                self.expand_angles,
                by_center.to(device, dtype).repeat_interleave(num_angles, dim=1),
            ]
        )  # [Nq + 3, N]

    def values(self, pairs: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Returns g [Q, N], the angle inside (TripleTerms)."""
        triples = self._triples(pairs, first, second)
        return self._values(triples, self._base(triples, self._sines(triples)))

    def vjp(self, pairs: Tensor, first: Tensor, second: Tensor, weights: Tensor) -> TripleGradient:
        """Returns the derivatives of the sum of ``weights`` [Q, N] times g (TripleTerms)."""
        triples = self._triples(pairs, first, second)
        values, log_derivative = self._values_and_log_derivative(triples)
        sums = self.sums @ values.mul_(weights).t()  # [Nq + 3, Q]
        total, by_eta, by_center = sums[self.num_angles :]
        along_mean = by_center - by_eta * (triples.mean - self.middle)
        return TripleGradient(
            first=along_mean + total * triples.first[5],
            second=along_mean + total * triples.second[5],
            cosine=log_derivative.mul_(sums[: self.num_angles]).sum(0),
            first_direction=triples.first[1:4],
            second_direction=triples.second[1:4],
        )

    def jvp(self, pairs: Tensor, first: Tensor, second: Tensor, changes: Tensor) -> Tensor:
        """Returns how g [Q, N] changes with ``changes`` [4, P] of each pair (TripleTerms)."""
        triples = self._triples(pairs, first, second)
        one, other = changes.index_select(1, first), changes.index_select(1, second)
        cosine = dot(triples.second[1:4], one[1:]) + dot(triples.first[1:4], other[1:])
        values, log_derivative = self._values_and_log_derivative(triples)
        both = one[0] + other[0]
        log_change = torch.cat(
            [
                log_derivative.mul_(cosine),
                (triples.first[5] * one[0] + triples.second[5] * other[0])[None],
                ((self.middle - triples.mean) * both)[None],
                both[None],
            ]
        )  # [Nq + 3, Q]
        return values.mul_(log_change.t() @ self.sums)

    def _triples(self, pairs: Tensor, first: Tensor, second: Tensor) -> _Triples:
        """Gathers the two pairs of each triple and finds their angle."""
        one, other = pairs.index_select(1, first), pairs.index_select(1, second)
        cosine = dot(one[1:4], other[1:4])
        if self.smooth:
            sine = (1 - cosine.square()).clamp_(min=0).sqrt_()
        else:
            # The kink at s = 0 makes the result depend on s itself, and 1 - c^2 loses half of its
            # digits there: in float32 that costs 3e-4 in s, this 1e-7.
            cross = torch.linalg.cross(one[1:4], other[1:4], dim=0)
            sine = dot(cross, cross).sqrt_()
        mean = (one[0] + other[0]).mul_(0.5)
        return _Triples(first=one, second=other, cosine=cosine, sine=sine, mean=mean)

    def _values_and_log_derivative(self, triples: _Triples) -> tuple[Tensor, Tensor]:
        """Returns g [Q, N], and d ln B_q / dc [Nq, Q] = zeta_q x_q' / x_q, x_q the power's base."""
        sines = self._sines(triples)
        base = self._base(triples, sines)
        ratio = triples.cosine / sines.clamp(min=self.collinear)
        derivative = torch.addcmul(self.cosine_factor, self.sine_factor, ratio, value=-1)
        return self._values(triples, base), derivative.mul_(self.zeta).div_(base)

    def _values(self, triples: _Triples, base: Tensor) -> Tensor:
        by_center = gaussian(triples.mean, self.centers, self.eta, self.floor)
        by_center.mul_(triples.first[4] * triples.second[4])
        by_angle = power(base, self.zeta)
        return (by_center.t() @ self.expand_centers).mul_(by_angle.t() @ self.expand_angles)

    def _sines(self, triples: _Triples) -> Tensor:
        """Returns s_q [Nq, Q], or [Q] without smoothing."""
        if not self.smooth:
            return triples.sine
        return smoothed_sine(triples.sine.square(), self.smoothing)

    def _base(self, triples: _Triples, sines: Tensor) -> Tensor:
        return angle_base(
            triples.cosine,
            sines,
            self.constant,
            self.cosine_factor,
            self.sine_factor,
            self.lowest_base,
        )
