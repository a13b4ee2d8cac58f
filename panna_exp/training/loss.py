"""Energy losses and weight penalties, in the conventions of PANNA 2.x and 1.x.

With dE the error of the total energy of a structure of N atoms (eV), 2.x takes for each structure
quad dE^2, exp_quad exp(a dE^2), quad_atom (dE/N)^2, quad_std_atom dE^2/N, exp_quad_atom
exp(a (dE/N)^2), times a weight 1/N or 1/N^2, and the mean (or sum) over the batch. 1.x works on
sums over the batch: S = sum dE^2, sum (dE/N)^2 or sum dE^2/N, and takes S itself, 0.5 exp(2 S),
or sum dE^2 + exp(5 tanh(S / 5)).

huber, huber_atom and huber_std_atom are ours: with e the dE, dE/N or dE/sqrt(N) of the quad of that
name, e^2 up to d and 2 d |e| - d^2 beyond (Huber, Ann. Math. Stat. 35, 73 (1964), twice).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import huber_loss

from panna_exp.model.networks import SpeciesNetworks
from panna_exp.training.flat import FlatParameters

_POWERS = {"": 0, "_std_atom": 1, "_atom": 2}
_SQUARES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "": lambda delta, atoms: delta * delta,
    "_atom": lambda delta, atoms: (delta / atoms) ** 2,
    "_std_atom": lambda delta, atoms: delta * delta / atoms,
}
_WEIGHT_POWERS = {None: 0, "n_atoms": 1, "n_atoms2": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyLossSettings:
    """Which energy loss.

    Args:
        name: ``quad``, ``exp_quad``, ``quad_atom``, ...
        panna_version: 2 or 1.
        weight: None, ``n_atoms`` (1/N) or ``n_atoms2`` (1/N^2); 2.x only.
        reduction: ``mean`` or ``sum`` over the batch; 2.x only (1.x sums).
        prefactor: a in the exponential losses of 2.x.
        huber_delta: d of the Huber losses, in the unit of e.
    """

    name: str = "quad"
    panna_version: int = 2
    weight: str | None = None
    reduction: str = "mean"
    prefactor: float = 1.0
    huber_delta: float = 0.01


class EnergyLoss:
    """Maps energy errors [S] (eV) and atom counts [S] to a scalar loss."""

    def __init__(self, settings: EnergyLossSettings) -> None:
        self.settings = settings
        stem, self._suffix = _split_name(settings.name)
        self.is_exponential = stem == "exp_quad"
        self.is_tanh = stem == "quad_exp_tanh"
        self.is_huber = stem == "huber"

    @property
    def is_mean(self) -> bool:
        """Whether the loss of a batch is a mean over its structures."""
        return self.settings.panna_version != 1 and self.settings.reduction == "mean"

    @property
    def power(self) -> int:
        """Of N that a squared error is divided by."""
        return _POWERS[self._suffix]

    @property
    def weight_power(self) -> int:
        """Of N that what a structure adds to the loss is divided by."""
        return 0 if self.settings.panna_version == 1 else _WEIGHT_POWERS[self.settings.weight]

    def __call__(self, delta: Tensor, num_atoms: Tensor, weights: Tensor | None = None) -> Tensor:
        """Returns the loss, a scalar; ``weights`` [S] multiply what each structure adds to it."""
        squares = _SQUARES[self._suffix](delta, num_atoms)
        if self.settings.panna_version == 1:
            return self._version_1(_times(delta * delta, weights), _times(squares, weights).sum())
        if self.is_exponential:
            squares = torch.exp(self.settings.prefactor * squares)
        elif self.is_huber:
            error = delta * num_atoms ** (-self.power / 2)
            zero, limit = torch.zeros_like(error), self.settings.huber_delta
            squares = 2 * huber_loss(error, zero, reduction="none", delta=limit)
        squares = _times(squares, weights)
        weighted = squares / num_atoms**self.weight_power if self.weight_power else squares
        return weighted.mean() if self.settings.reduction == "mean" else weighted.sum()

    @torch.no_grad()
    def value_and_gradient(
        self, delta: Tensor, num_atoms: Tensor, weights: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns the loss and its derivative [S] by each error; ``weights`` as of the call."""
        if self.is_exponential or self.is_tanh or self.is_huber:
            with torch.enable_grad():
                variable = delta.detach().requires_grad_()
                value = self(variable, num_atoms, weights)
                (gradient,) = torch.autograd.grad(value, variable)
            return value.detach(), gradient
        weighted = _times(delta * self._factor(num_atoms), weights)
        return torch.dot(weighted, delta), 2 * weighted

    def _factor(self, num_atoms: Tensor) -> Tensor | float:
        """What a structure's squared error is multiplied by, where the loss is a sum of squares."""
        power = self.power + self.weight_power
        fraction = 1.0 / len(num_atoms) if self.is_mean else 1.0
        return num_atoms**-power * fraction if power else fraction

    def _version_1(self, squares: Tensor, total: Tensor) -> Tensor:
        if self.is_exponential:
            return 0.5 * torch.exp(2 * total)
        if self.is_tanh:
            return squares.sum() + torch.exp(5 * torch.tanh(total / 5))
        return total


def _times(values: Tensor, weights: Tensor | None) -> Tensor:
    return values if weights is None else values * weights


def _split_name(name: str) -> tuple[str, str]:
    for suffix in ("_std_atom", "_atom"):
        if name.endswith(suffix):
            return name.removesuffix(suffix), suffix
    return name, ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PenaltySettings:
    """Factors of sum |p| (l1) and of sum p^2 (l2) over weights and biases."""

    weights_l1: float = 0.0
    weights_l2: float = 0.0
    biases_l1: float = 0.0
    biases_l2: float = 0.0

    @property
    def active(self) -> bool:
        """Whether there is any penalty."""
        return any((self.weights_l1, self.weights_l2, self.biases_l1, self.biases_l2))


class Penalty:
    """L1 and L2 penalties over all layers, frozen ones too, as PANNA counts them.

    The gradient is written out on the flat buffer: sign(p) l1 + 2 l2 p, one pass instead of one
    small graph per layer.
    """

    def __init__(
        self, settings: PenaltySettings, networks: SpeciesNetworks, parameters: FlatParameters
    ) -> None:
        self._parameters = parameters
        self.l1 = torch.zeros_like(parameters.values)
        self.l2 = torch.zeros_like(parameters.values)
        factors = {
            "weights": (settings.weights_l1, settings.weights_l2),
            "biases": (settings.biases_l1, settings.biases_l2),
        }
        kinds = {name: kind for name, kind, _, _ in networks.named_layers()}
        for slot in parameters.slots:
            l1, l2 = factors[kinds[slot.name]]
            self.l1[slot.start : slot.stop] = l1
            self.l2[slot.start : slot.stop] = l2
        self.frozen = parameters.values.new_zeros(())
        for _, kind, tensor, trainable in networks.named_layers():
            if not trainable:
                l1, l2 = factors[kind]
                self.frozen += l1 * tensor.abs().sum() + l2 * (tensor * tensor).sum()

    def value(self) -> Tensor:
        """Returns the penalty, a scalar."""
        values = self._parameters.values
        absolute = torch.dot(self.l1, values.abs())
        return self.frozen + absolute + torch.dot(self.l2 * values, values)

    def add_gradient(self) -> None:
        """Adds the penalty's gradient to the parameters' gradients."""
        values = self._parameters.values
        self._parameters.gradients.addcmul_(self.l1, values.sign())
        self._parameters.gradients.addcmul_(self.l2, values, value=2)
