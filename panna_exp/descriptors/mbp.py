"""PANNA's mBP descriptor. Units: angstrom."""

import torch

from panna_exp.descriptors.angular import AngularTerms
from panna_exp.descriptors.operator import Operator
from panna_exp.descriptors.parameters import MBPParameters


class MBP(Operator):
    """PANNA's modified Behler-Parrinello descriptor.

    Of centre i, for each neighbour species s and radial centre R_m::

        sum_j exp(-eta_m (r_ij - R_m)^2) fc(r_ij)

    and for each species pair s <= t, angular centre R_p and angle th_q, over unordered pairs of
    neighbours j, k: ``2 g_pq`` (see :mod:`panna_exp.descriptors.angular`). Variant C has
    eps = 0.01; B has eps = 0; A has eps = 0, angles that start at 0, and counts pairs of the same
    species twice. (Lot et al., Comput. Phys. Commun. 256, 107402 (2020); A and B are what PANNA's
    own published data were made with.)

    Args:
        parameters: The descriptor's parameters.
        dtype: float32 or float64. Differences of positions are float64 in either.
        device: Where to compute.
        chunk: Triples to work on at a time, which bounds the memory; None: a good number.
    """

    def __init__(
        self,
        parameters: MBPParameters,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        chunk: int | None = None,
    ) -> None:
        device = torch.device(device)
        angular = AngularTerms(parameters, dtype, device)
        super().__init__(parameters, angular, dtype, device, chunk)
        self.parameters = parameters
