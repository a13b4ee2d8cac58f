"""Two- and three-body terms as modules that TorchScript compiles; letters as in metatomic_model."""

import torch
from torch import Tensor

from panna_exp.descriptors.angular import AngularTerms
from panna_exp.descriptors.angular_bp import BPAngularTerms
from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.formulas import (
    angle_base,
    cutoff_function,
    gaussian,
    opposite_square,
    power,
    screened_repulsion,
    smoothed_sine,
)
from panna_exp.descriptors.info import Parameters
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.descriptors.radial import EXPONENT_FLOOR
from panna_exp.descriptors.repulsion import Repulsion

_CPU = torch.device("cpu")


class RadialPairs(torch.nn.Module):
    """exp(-eta (r - R)^2) fc(r) [P, Nr] of distances [P]."""

    centers: Tensor
    eta: Tensor

    def __init__(self, parameters: Parameters, dtype: torch.dtype) -> None:
        super().__init__()
        eta, centers = torch.tensor(parameters.radial_terms, dtype=torch.float64).to(dtype).t()
        self.register_buffer("centers", centers.contiguous())
        self.register_buffer("eta", eta.contiguous())
        self.cutoff = float(parameters.cutoff_radial)
        self.floor = EXPONENT_FLOOR[dtype]

    def forward(self, distance: Tensor) -> Tensor:
        """Returns [P, Nr]."""
        r = distance.unsqueeze(1)
        return gaussian(r, self.centers, self.eta, self.floor) * cutoff_function(r, self.cutoff)


class MBPTriples(torch.nn.Module):
    """The modified Behler-Parrinello terms [Q, N] of triples, the angle inside."""

    centers: Tensor
    eta: Tensor
    constant: Tensor
    cosine_factor: Tensor
    sine_factor: Tensor
    smoothing: Tensor
    zeta: Tensor
    lowest: Tensor
    multiplicity: Tensor

    def __init__(self, parameters: MBPParameters, dtype: torch.dtype) -> None:
        super().__init__()
        terms = AngularTerms(parameters, dtype, _CPU)
        for name in ("centers", "eta", "constant", "cosine_factor", "sine_factor", "smoothing"):
            self.register_buffer(name, getattr(terms, name).flatten())
        self.register_buffer("zeta", terms.zeta.flatten())
        self.register_buffer("lowest", terms.lowest_base.flatten())
        self.register_buffer("multiplicity", torch.tensor(parameters.multiplicity, dtype=dtype))
        self.cutoff = float(parameters.cutoff_angular)
        self.floor, self.smooth, self.collinear = terms.floor, terms.smooth, terms.collinear

    def forward(self, distance: Tensor, direction: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Returns [Q, N] of pairs [P], [P, 3] and the numbers of two of them [Q]."""
        r = distance.unsqueeze(1)
        fc = cutoff_function(r, self.cutoff)
        one, other = direction.index_select(0, first), direction.index_select(0, second)
        cosine = (one * other).sum(1, keepdim=True)
        if self.smooth:
            sine = smoothed_sine((1 - cosine.square()).clamp(min=0), self.smoothing)
        else:
            # Held above 0 for its derivative, which means nothing where the sine vanishes.
            square = torch.linalg.cross(one, other, dim=1).square().sum(1, keepdim=True)
            sine = square.clamp(min=self.collinear * self.collinear).sqrt()
        base = angle_base(
            cosine, sine, self.constant, self.cosine_factor, self.sine_factor, self.lowest
        )
        by_angle = power(base, self.zeta)
        mean = (r.index_select(0, first) + r.index_select(0, second)) * 0.5
        cut = fc.index_select(0, first) * fc.index_select(0, second)
        by_center = gaussian(mean, self.centers, self.eta, self.floor) * cut
        return (by_center.unsqueeze(2) * by_angle.unsqueeze(1)).flatten(1)


class BPTriples(torch.nn.Module):
    """The original Behler-Parrinello terms [Q, N] of triples; the sign lambda is innermost."""

    eta: Tensor
    zeta: Tensor
    lowest: Tensor
    multiplicity: Tensor

    def __init__(self, parameters: BPParameters, dtype: torch.dtype) -> None:
        super().__init__()
        terms = BPAngularTerms(parameters, dtype, _CPU)
        for name in ("eta", "zeta", "lowest"):
            self.register_buffer(name, getattr(terms, name).flatten())
        self.register_buffer("multiplicity", torch.tensor(parameters.multiplicity, dtype=dtype))
        self.num_zeta = terms.num_zeta
        self.cutoff = float(parameters.cutoff_angular)
        self.floor = terms.floor

    def forward(self, distance: Tensor, direction: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Returns [Q, N] of pairs [P], [P, 3] and the numbers of two of them [Q]."""
        r = distance.unsqueeze(1)
        fc = cutoff_function(r, self.cutoff)
        one, other = direction.index_select(0, first), direction.index_select(0, second)
        together = (one + other).square().sum(1, keepdim=True) * 0.25
        apart = (one - other).square().sum(1, keepdim=True) * 0.25
        halves = torch.cat([together, apart], 1).repeat(1, self.num_zeta)
        by_angle = power(torch.maximum(halves, self.lowest), self.zeta)
        r1, r2 = r.index_select(0, first), r.index_select(0, second)
        square = opposite_square(r1, r2, apart)
        # Two neighbours in one place have no r_jk to differentiate; its cutoff is flat there.
        opposite = cutoff_function(square.clamp(min=1e-12).sqrt(), self.cutoff)
        cut = fc.index_select(0, first) * fc.index_select(0, second) * opposite
        squares = r1.square() + r2.square() + square
        by_eta = (-squares * self.eta).clamp(min=-self.floor).exp() * cut
        return (by_eta.unsqueeze(2) * by_angle.unsqueeze(1)).flatten(1)


class PairRepulsion(torch.nn.Module):
    """The short-range repulsion of one member, half of each pair's for each of its atoms."""

    strength: Tensor
    length: Tensor
    outer: Tensor

    def __init__(self, repulsion: Repulsion, dtype: torch.dtype) -> None:
        super().__init__()
        self.count = len(repulsion.symbols)
        for name in ("strength", "length", "outer"):
            values = torch.tensor(getattr(repulsion, name).ravel(), dtype=dtype)
            self.register_buffer(name, values)

    def forward(self, species: Tensor, center: Tensor, neighbor: Tensor, vectors: Tensor) -> Tensor:
        """Returns [A]; pairs [P] with their vectors [P, 3]."""
        kinds = species.index_select(0, center) * self.count + species.index_select(0, neighbor)
        squares = vectors.square().sum(1)
        near = torch.nonzero(squares < self.outer.index_select(0, kinds).square()).flatten()
        kinds = kinds.index_select(0, near)
        value, _ = screened_repulsion(
            squares.index_select(0, near).sqrt(),
            self.strength.index_select(0, kinds),
            self.length.index_select(0, kinds),
            self.outer.index_select(0, kinds),
        )
        energies = torch.zeros(species.shape[0], dtype=value.dtype, device=value.device)
        return energies.index_add(0, center.index_select(0, near), 0.5 * value)
