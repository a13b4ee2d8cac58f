"""Trained networks from a run's checkpoint or a weights folder, with what they were made for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panna_exp.build.descriptor import Info
from panna_exp.networks.layers import NetworkData
from panna_exp.networks.network_set import NetworkSet
from panna_exp.networks.panna import read_panna
from panna_exp.training import checkpoint as checkpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPotential:
    """Networks that can be evaluated.

    Args:
        name: ``epoch_10_step_1000``, or ``energies`` for a weights folder.
        networks: One a species.
        descriptor: What they take (see build.descriptor).
        energy_rescale: Factor on the energies that they learned.
        config: Of the run, empty for a weights folder.
    """

    name: str
    networks: tuple[NetworkData, ...]
    descriptor: Info
    energy_rescale: float
    config: dict[str, Any]

    @property
    def offsets(self) -> tuple[float, ...]:
        """Reference energy of each species (eV)."""
        return tuple(network.offset for network in self.networks)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The species list."""
        return tuple(network.symbol for network in self.networks)


def from_checkpoint(path: Path) -> SavedPotential:
    """Reads a checkpoint (CheckpointError)."""
    checkpoint = checkpoints.load(path)
    return SavedPotential(
        name=checkpoint.name,
        networks=checkpoint.networks,
        descriptor=checkpoint.descriptor,
        energy_rescale=checkpoint.energy_rescale,
        config=checkpoint.config,
    )


def from_folder(folder: Path) -> SavedPotential:
    """Reads a weights folder of PANNA 1.x, 2.x or of ours (NetworkError)."""
    saved = read_panna(folder)
    return SavedPotential(
        name="energies",
        networks=tuple(saved.networks.values()),
        descriptor=saved.descriptor_info or {"type": "unknown", "size": saved.feature_size},
        energy_rescale=1.0,
        config={},
    )


def to_network_set(networks: Sequence[NetworkData], descriptor: Info) -> NetworkSet:
    """Returns networks and descriptor in the form that exporters write."""
    known = descriptor["type"] != "unknown"
    names = ("type", "generation", "species")
    return NetworkSet(
        networks={network.symbol: network for network in networks},
        gvect_params={k: v for k, v in descriptor.items() if k not in names} if known else None,
        descriptor_info=descriptor if known else None,
        generation=descriptor["generation"] if known else None,
        source="the run",
    )
