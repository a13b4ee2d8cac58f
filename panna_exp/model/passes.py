"""What passes by compiled loops leave, and who makes them; without the compiler's own modules.

Shapes: A atoms, D descriptor components.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from panna_exp.networks.layers import Activation

if TYPE_CHECKING:
    from panna_exp.model.networks import SpeciesNetworks

Array = NDArray[np.floating]
# Of layers that there are loops for.
WITH_LOOPS = (Activation.linear, Activation.gaussian, Activation.relu)


@dataclass(frozen=True, slots=True)
class LoopPass:
    """A forward pass; good until the same networks make the next one.

    Args:
        atom_energy: [A], without offsets.
        descriptors: [A, D] its input.
        parts: The rows of each thread.
        kept: Values of all layers.
    """

    atom_energy: Tensor
    descriptors: Array
    parts: Sequence[Any]
    kept: Any


@dataclass(frozen=True, slots=True)
class LoopGradient:
    """dE/dG; what the gradient of a force loss needs of it stays with the pass.

    Args:
        values: [A, D].
    """

    values: Tensor


class Loops(Protocol):
    """Makes passes; :class:`panna_exp.model.loop_networks.LoopNetworks` says what each does."""

    def forward(self, descriptors: Tensor, species_counts: Sequence[int]) -> LoopPass:
        """Returns atomic energies."""

    def input_gradient(self, passed: LoopPass) -> LoopGradient:
        """Returns each atomic energy's gradient by its input."""

    def backward(self, passed: LoopPass, gradient: Tensor, direction: Tensor | None = None) -> None:
        """Fills the gradients of the parameters, all of them."""


def without_loops(networks: "SpeciesNetworks") -> list[str]:
    """Returns why compiled loops cannot do the work of these networks, nothing if they can."""
    if not networks.uniform:
        return ["loops want the same layers for all species, none of them rbf"]
    others = {kind.name for kind in networks.networks[0].activations if kind not in WITH_LOOPS}
    return [f"there are no loops for {name} layers" for name in sorted(others)]
