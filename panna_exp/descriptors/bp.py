"""The original Behler-Parrinello descriptor as PANNA orders it. Units: angstrom."""

import torch

from panna_exp.descriptors.angular_bp import BPAngularTerms
from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.operator import Operator


class BP(Operator):
    """The original Behler-Parrinello descriptor (PANNA's type BP).

    Of centre i, for each neighbour species s, exponent eta and radial centre R (the centre
    inside)::

        sum_j exp(-eta (r_ij - R)^2) fc(r_ij)

    and for each species pair s <= t, exponent eta, zeta and l = +1, -1 (l innermost), over
    unordered pairs of neighbours j, k::

        2^(1 - zeta) (1 + l c)^zeta exp(-eta (r_ij^2 + r_ik^2 + r_jk^2)) fc(r_ij) fc(r_ik) fc(r_jk)

    (Behler and Parrinello, Phys. Rev. Lett. 98, 146401 (2007).) fc is 0 beyond the cutoff also for
    r_jk, where PANNA's own code lets it rise again. See :mod:`panna_exp.descriptors.angular_bp`.

    Args:
        parameters: The descriptor's parameters.
        dtype: float32 or float64. Differences of positions are float64 in either.
        device: Where to compute.
        chunk: Triples to work on at a time, which bounds the memory; None: a good number.
    """

    def __init__(
        self,
        parameters: BPParameters,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        chunk: int | None = None,
    ) -> None:
        device = torch.device(device)
        angular = BPAngularTerms(parameters, dtype, device)
        opposite = parameters.cutoff_angular
        super().__init__(parameters, angular, dtype, device, chunk, opposite)
        self.parameters = parameters
