"""Force losses, in the conventions of PANNA 2.x and 1.x.

With dF the error of a force component (eV/angstrom) of a structure of N atoms, 2.x takes for each
structure quad sum dF^2, exp_quad sum exp(dF^2), quad_atom sum dF^2 / N, quad_percomp
sum dF^2 / (3N), times a weight 1/N, 1/N^2, 1/(3N) or 1/(3N)^2, and the mean (or sum) over the
batch. 1.x works on sums over the batch: S = sum dF^2, or sum dF^2 / N^2 for names that end in
_atom; quad S, exp_quad 0.5 exp(2 S). Atoms without forces count for nothing; N counts them.

huber and huber_atom are ours: with f the length of an atom's error vector, f^2 up to d and
2 d f - d^2 beyond, summed as quad and quad_atom do (Huber, Ann. Math. Stat. 35, 73 (1964), twice).
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

_DIVISORS = {"quad_atom": 1.0, "quad_percomp": 3.0, "huber_atom": 1.0}
# Weight: (factor on N, power).
_WEIGHTS = {
    None: (1.0, 0),
    "n_atoms": (1.0, 1),
    "n_atoms2": (1.0, 2),
    "3n_atoms": (3.0, 1),
    "3n_atoms2": (3.0, 2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceLossSettings:
    """Which force loss.

    Args:
        cost: Factor on the loss in the total.
        name: ``quad``, ``exp_quad``, ``quad_atom``, ``quad_percomp``, ``huber``, ``huber_atom``.
        panna_version: 2 or 1.
        weight: None, ``n_atoms``, ``n_atoms2``, ``3n_atoms`` or ``3n_atoms2``; 2.x only.
        reduction: ``mean`` or ``sum`` over the batch; 2.x only (1.x sums).
        virial_cost: Factor on the loss of virials; 0: none.
        fraction: Part of the force components, drawn anew for each step, that the loss sees.
        seed: Of that draw.
        huber_delta: d of the Huber losses (eV/angstrom).
    """

    cost: float
    name: str = "quad"
    panna_version: int = 2
    weight: str | None = None
    reduction: str = "mean"
    virial_cost: float = 0.0
    fraction: float = 1.0
    seed: int = 0
    huber_delta: float = 0.1


class ForceLoss:
    """Maps force errors [A, 3] (eV/angstrom) to a scalar loss and its gradient."""

    def __init__(self, settings: ForceLossSettings) -> None:
        self.settings = settings
        self.cost = settings.cost

    @property
    def is_mean(self) -> bool:
        """Whether the loss of a batch is a mean over its structures."""
        return self.settings.panna_version != 1 and self.settings.reduction == "mean"

    def of_all_components(self) -> "ForceLoss":
        """Returns the same loss without a random choice of components."""
        return ForceLoss(replace(self.settings, fraction=1.0))

    def __call__(
        self,
        delta: Tensor,
        structure: Tensor,
        num_atoms: Tensor,
        mask: Tensor | None,
        weights: Tensor | None = None,
        step: int = 0,
    ) -> tuple[Tensor, Tensor]:
        """Returns the loss, a scalar, and its derivative [A, 3] by each component.

        Args:
            delta: [A, 3] predicted less reference forces.
            structure: [A] of each atom.
            num_atoms: [S].
            mask: [A] 1 for atoms whose forces are known, otherwise 0; None: all 1.
            weights: [S] factors on what each structure adds; None: all 1.
            step: Counted over the training; chooses the components where a fraction is taken.
        """
        weight = self._weight(num_atoms)
        if weights is not None:
            weight = weight * weights
        by_atom = weight.index_select(0, structure)
        if mask is not None:
            by_atom = by_atom * mask
        by_atom = by_atom[:, None]
        if self.settings.fraction < 1:
            by_atom = by_atom * self._chosen(delta, step)
        squares = delta * delta
        if self.settings.name.startswith("exp_quad"):
            return self._exponential(delta, squares, by_atom)
        if self.settings.name.startswith("huber"):
            return self._huber(delta, squares, by_atom)
        weighted = delta * by_atom
        return torch.sum(weighted * delta), 2 * weighted

    def _huber(self, delta: Tensor, squares: Tensor, by_atom: Tensor) -> tuple[Tensor, Tensor]:
        limit = self.settings.huber_delta
        length = squares.sum(1, keepdim=True).sqrt_()
        kept = length.clamp(max=limit)
        value = torch.sum(kept * (2 * length - kept) * by_atom)
        return value, 2 * by_atom * (limit / length.clamp(min=limit)) * delta

    def _exponential(
        self, delta: Tensor, squares: Tensor, by_atom: Tensor
    ) -> tuple[Tensor, Tensor]:
        if self.settings.panna_version == 1:
            whole = torch.exp(2 * torch.sum(squares * by_atom))
            return 0.5 * whole, 2 * whole * by_atom * delta
        each = torch.exp(squares) * by_atom
        return each.sum(), 2 * each * delta

    def _weight(self, num_atoms: Tensor) -> Tensor:
        """Returns [S], the factor on a structure's sum over components."""
        settings = self.settings
        if settings.panna_version == 1:
            return num_atoms**-2 if settings.name.endswith("_atom") else torch.ones_like(num_atoms)
        factor, power = _WEIGHTS[settings.weight]
        weight = (factor * num_atoms) ** -power
        if divisor := _DIVISORS.get(settings.name):
            weight = weight / (divisor * num_atoms)
        return weight / len(num_atoms) if settings.reduction == "mean" else weight

    def _chosen(self, delta: Tensor, step: int) -> Tensor:
        """Returns [A, 3]: 1 / fraction where a component is chosen, otherwise 0."""
        # On the host, so that every device draws the same.
        random = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + step)
        drawn = torch.rand(delta.shape, generator=random) < self.settings.fraction
        return drawn.to(delta.device, delta.dtype) / self.settings.fraction


def virial_loss(
    strain: Tensor, virial: Tensor, num_atoms: Tensor, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Returns the mean over the batch of sum (dW)^2 / N (eV^2), and its gradient by ``strain``.

    Args:
        strain: [S, 3, 3] the predicted energy's derivative by strain, minus its virial W (eV).
        virial: [S, 3, 3] of the data, NaN for structures that then count for nothing.
        num_atoms: [S] N.
        weights: [S] factors on what each structure adds, None: all 1.
    """
    delta = torch.nan_to_num(strain + virial, nan=0.0)
    weight = (1 / (num_atoms * len(num_atoms)))[:, None, None]
    if weights is not None:
        weight = weight * weights[:, None, None]
    return torch.sum(weight * delta * delta), 2 * weight * delta
