"""What makes the networks' passes: one protocol, chosen once when a run or potential is assembled.

Shapes: A atoms, T species, D descriptor components.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from torch import Tensor

from panna_exp.model.networks import SpeciesNetworks


class ForwardCache(Protocol):
    """A forward pass with what the way back needs; good until its engine makes the next one."""

    @property
    def atom_energy(self) -> Tensor:
        """[A], without offsets."""


Cache = TypeVar("Cache", bound=ForwardCache)


class Engine(Protocol[Cache]):
    """Passes through the networks of all species, without autograd.

    Attributes:
        networks: Whose passes these are.
    """

    networks: SpeciesNetworks

    def forward(self, descriptors: Tensor, species_counts: Sequence[int]) -> Cache:
        """Returns atomic energies.

        Args:
            descriptors: [A, D] sorted by species.
            species_counts: [T] atoms of each.
        """

    def input_gradient(self, cache: Cache) -> Tensor:
        """Returns v [A, D], the gradient of each atomic energy by its own descriptors."""

    def backward(self, cache: Cache, gradient: Tensor, direction: Tensor | None = None) -> None:
        """Sets the gradients of all trainable parameters, zero of species without atoms.

        They are those of sum_i gradient_i E_i + direction_i . v_i, the second term where there is a
        direction: what a loss of forces asks for (:mod:`panna_exp.model.group_pass`).

        Args:
            cache: The forward pass, after :meth:`input_gradient` where there is a direction.
            gradient: [A] derivative of the loss by each atomic energy.
            direction: [A, D].
        """


AnyEngine = Engine[Any]
