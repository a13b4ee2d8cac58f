"""Cutoff function and two-body terms.

Letters: P pairs, Nr radial centres, r_ij distance. Arrays over pairs are stored component first
([Nr, P]), which keeps elementwise work on long contiguous rows.
"""

import math

import torch
from torch import Tensor

from panna_exp.descriptors.formulas import cutoff_function, gaussian
from panna_exp.descriptors.records import DescriptorParameters

# Gaussians below exp(-floor) are held there. For float32 the product of two stays a normal number
# (denormal ones are up to 5 times slower), and MKL's exp is 27 to 110 times slower below -87.
EXPONENT_FLOOR = {torch.float32: 40.0, torch.float64: 300.0}


def cutoff_log_derivative(distance: Tensor, cutoff: float) -> Tensor:
    """Returns fc'(r) / fc(r) = -(pi / Rc) tan(pi r / (2 Rc)) for r < Rc, otherwise 0."""
    derivative = torch.tan(distance * (math.pi / (2 * cutoff))).mul_(-math.pi / cutoff)
    return torch.where(distance < cutoff, derivative, 0)


class RadialTerms:
    """exp(-eta_m (r_ij - R_m)^2) fc(r_ij) of each pair, and its derivative.

    Args:
        parameters: Of the descriptor.
        dtype: float32 or float64.
        device: Where the constants are kept.
    """

    def __init__(
        self,
        parameters: DescriptorParameters,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        terms = torch.tensor(parameters.radial_terms, dtype=torch.float64)
        self.cutoff = parameters.cutoff_radial
        self.num_centers = len(terms)
        self.centers = terms[:, 1:].to(device, dtype).contiguous()  # [Nr, 1]
        self.eta = terms[:, :1].to(device, dtype).contiguous()  # [Nr, 1]
        self.floor = EXPONENT_FLOOR[dtype]
        # A product with the identity is the fastest way from [Nr, P] to rows of pairs.
        self.identity = torch.eye(self.num_centers, dtype=dtype, device=device)

    def values(self, distance: Tensor) -> Tensor:
        """Returns [P, Nr] for distances [P]."""
        return self._values(distance).t() @ self.identity

    def derivatives(self, distance: Tensor) -> Tensor:
        """Returns [P, Nr], the derivatives of :meth:`values` with respect to the distance."""
        offset = distance - self.centers
        log_derivative = cutoff_log_derivative(distance, self.cutoff) - 2 * self.eta * offset
        return (self._values(distance) * log_derivative).t() @ self.identity

    def _values(self, distance: Tensor) -> Tensor:
        gaussians = gaussian(distance, self.centers, self.eta, self.floor)
        return gaussians.mul_(cutoff_function(distance, self.cutoff))
