"""The networks of a whole potential, with what is known of the descriptor they were made for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from panna_exp.descriptors.parameters import GENERATIONS
from panna_exp.errors import NetworkError
from panna_exp.networks.layers import PANNA_ACTIVATIONS, NetworkData


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class NetworkSet:
    """The networks of a potential, as read from or written to a folder.

    Args:
        networks: By symbol, in the order of the species indices.
        gvect_params: Descriptor parameters under PANNA's keys (``Rc_rad``, ``zeta``, ...; angstrom;
            lists where a ``gversion`` 1 file has lists, angles in radians), or None if unknown.
        descriptor_info: The descriptor as this program stores it, or None if unknown.
        generation: ``A``, ``B`` or ``C`` of the mBP formula, or None if unknown; taken from
            ``descriptor_info`` where that has it.
        energy_rescale: Factor that the networks learned the energies with and that was taken out of
            the last layers (see ``rescale``); None where nothing says so.
        says_trainable: Whether trainable flags came with the networks; PANNA 2.x stores none.
        source: Where it was read from, for messages.
        format: ``panna2``, ``panna1``, ``lammps``, or ``memory`` where it was not read.

    Raises:
        NetworkError: Networks of different input sizes, or a key that is not its symbol.
    """

    networks: Mapping[str, NetworkData]
    gvect_params: dict[str, Any] | None = None
    descriptor_info: dict[str, Any] | None = None
    generation: str | None = None
    energy_rescale: float | None = None
    says_trainable: bool = True
    source: str = "the network"
    format: str = "memory"

    def __post_init__(self) -> None:
        if not self.networks:
            raise NetworkError(f"{self.source}: has no species")
        first = next(iter(self.networks.values()))
        for symbol, network in self.networks.items():
            if symbol != network.symbol:
                raise NetworkError(f"{self.source}: '{symbol}' holds that of {network.symbol}")
            if network.feature_size != first.feature_size:
                raise NetworkError(
                    f"{self.source}: the network of {symbol} takes {network.feature_size} "
                    f"descriptor components, that of {first.symbol} {first.feature_size}"
                )
        stored = (self.descriptor_info or {}).get("generation")
        if self.generation is None:
            object.__setattr__(self, "generation", stored)
        elif stored not in (None, self.generation):
            raise NetworkError(
                f"{self.source}: says variant {self.generation}, but its descriptor {stored}"
            )
        if self.generation not in (None, *GENERATIONS):
            raise NetworkError(
                f"{self.source}: unknown descriptor variant '{self.generation}', "
                f"expected one of {', '.join(GENERATIONS)}"
            )

    @property
    def species(self) -> tuple[str, ...]:
        """Symbols in the order of the species indices."""
        return tuple(self.networks)

    @property
    def feature_size(self) -> int:
        """Descriptor components D."""
        return next(iter(self.networks.values())).feature_size

    def check_for_panna(self) -> None:
        """Raises NetworkError, with what to do instead, for layers that PANNA does not know."""
        for symbol, network in self.networks.items():
            unknown = [item for item in network.activations if item not in PANNA_ACTIVATIONS]
            if unknown:
                raise NetworkError(
                    f"{self.source}: the network of {symbol} has {unknown[0].name} layers, which "
                    "PANNA and its LAMMPS plugin do not know: panna-exp export output=FILE.panna "
                    "(pair_style panna of panna-exp lammps-plugin) or FILE.pt (metatomic), or "
                    "train with network.activations=gaussian"
                )

    def identical(self, other: "NetworkSet") -> bool:
        """Whether species, networks and descriptor agree in every bit (not source and format)."""
        return (
            self.species == other.species
            and (self.gvect_params, self.descriptor_info, self.generation)
            == (other.gvect_params, other.descriptor_info, other.generation)
            and self.energy_rescale == other.energy_rescale
            and all(net.identical(other.networks[symbol]) for symbol, net in self.networks.items())
        )
