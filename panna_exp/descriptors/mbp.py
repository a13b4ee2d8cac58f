"""PANNA's mBP descriptor. Units: angstrom."""

import torch

from panna_exp.descriptors.angular import AngularTerms
from panna_exp.descriptors.operator import Operator
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.descriptors.radial import RadialTerms


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
        super().__init__(
            parameters,
            RadialTerms(parameters, dtype, device),
            AngularTerms(parameters, dtype, device),
            torch.tensor(multiplicity(parameters), dtype=dtype, device=device),
            device,
            chunk,
        )
        self.parameters = parameters


def multiplicity(parameters: MBPParameters) -> list[float]:
    """Returns [U]: all pairs count twice, in variant A those of one species 4 times."""
    num_species = len(parameters.species)
    doubled = 4.0 if parameters.generation == "A" else 2.0
    return [
        doubled if low == high else 2.0
        for low in range(num_species)
        for high in range(low, num_species)
    ]
