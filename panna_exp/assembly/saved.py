"""Trained networks from a run's checkpoint or a weights folder, with what they were made for."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from panna_exp.assembly.descriptor import SAY_WHICH, parameters, refuse_difference
from panna_exp.config.renamed import renamed_values
from panna_exp.config.schema import DescriptorConfig, Generation
from panna_exp.data.ranges import Ranges
from panna_exp.descriptors.info import Descriptor
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.descriptors.repulsion import Repulsion
from panna_exp.elements import Species
from panna_exp.errors import DataError, NetworkError
from panna_exp.files import read_json
from panna_exp.networks.descriptor import descriptor_parameters, panna_keys, stored_type
from panna_exp.networks.formats import read_networks
from panna_exp.networks.layers import NetworkData
from panna_exp.networks.masks import Mask
from panna_exp.networks.network_set import NetworkSet
from panna_exp.networks.ranges import read_ranges
from panna_exp.networks.repulsion import read_repulsion
from panna_exp.networks.rescale import in_ev
from panna_exp.training import checkpoint as checkpoints
from panna_exp.training.best import best_role

MODEL_FACTS = "potential.json"  # of a model's folder, see model_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadScale:
    """Factors by which a committee's spreads are as large as its errors on validation data were.

    Args:
        energy: Of energies, None where it is not known.
        forces: Of forces, likewise.
    """

    energy: float | None
    forces: float | None

    def __str__(self) -> str:
        named = {"energies": self.energy, "forces": self.forces}
        return ", ".join(f"{k} times {v:.3g}" for k, v in named.items() if v is not None) or "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPotential:
    """Networks that can be evaluated.

    Args:
        name: ``epoch_10_step_1000``, or ``energies`` for a weights folder.
        networks: One per species.
        descriptor: What they take (see assembly.descriptor).
        energy_rescale: Factor on the energies that they learned.
        config: Of the run, empty for a weights folder.
        masks: Of pruned weights by parameter name, true where kept.
        ranges: Of the descriptors that they were trained on, where these are known.
        repulsion: What is added at short distances, None for nothing.
        source: The file or folder that they were read from, if any.
        role: Which of a run's checkpoints it is: ``best by validation loss``, ``last`` or nothing.
        spread_scale: Of the committee that it was read as a member of, where it is calibrated.
    """

    name: str
    networks: tuple[NetworkData, ...]
    descriptor: Descriptor
    energy_rescale: float
    config: dict[str, Any]
    masks: dict[str, Mask] = field(default_factory=dict)
    ranges: Ranges | None = None
    repulsion: Repulsion | None = None
    source: Path | None = None
    role: str = ""
    spread_scale: SpreadScale | None = None

    @property
    def title(self) -> str:
        """Name, and which of the run's checkpoints it is: ``epoch_7_step_70 (last)``."""
        return f"{self.name} ({self.role})" if self.role else self.name

    @property
    def label(self) -> str:
        """Where the networks are from, for messages."""
        return self.name if self.source is None else str(self.source)

    @property
    def offsets(self) -> tuple[float, ...]:
        """Reference energy of each species (eV)."""
        return tuple(network.offset for network in self.networks)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The species list."""
        return tuple(network.symbol for network in self.networks)

    @property
    def untrained(self) -> tuple[str, ...]:
        """Species that no structure of the training had, as far as the networks say.

        Networks that began with saved ones may know such species from before.
        """
        of_network: Any = self.config.get("network")
        if self.ranges is None or not of_network or of_network.get("networks_metadata"):
            return ()
        counts = self.ranges.counts.tolist()
        return tuple(s for s, n in zip(self.symbols, counts, strict=True) if not n)

    def refuse_untrained(self, counts: Sequence[int], where: str) -> None:
        """Raises DataError if there are atoms of a species whose network is untrained.

        Args:
            counts: Atoms of each species.
            where: What has them, for the message.
        """
        for symbol in self.untrained:
            if counts[self.symbols.index(symbol)]:
                raise DataError(
                    f"{where}: has {symbol}, but its network is untrained: no training structure "
                    f"of {self.label} has {symbol}, so that a prediction would be random: train on "
                    f"structures with {symbol}"
                )


def check_alike(members: Sequence[SavedPotential]) -> None:
    """Raises DataError for members of a committee of different species or descriptors."""
    first = members[0]
    for other in members[1:]:
        if other.symbols != first.symbols:
            raise DataError(
                f"{other.label}: has the species {', '.join(other.symbols)}, but {first.label} "
                f"has {', '.join(first.symbols)}: a committee has one list"
            )
        refuse_difference(first.descriptor, other.descriptor, first.label, other.label)


def from_checkpoint(path: Path) -> SavedPotential:
    """Reads a checkpoint (CheckpointError)."""
    return potential_of(checkpoints.load(path), path)


def potential_of(checkpoint: checkpoints.Checkpoint, path: Path) -> SavedPotential:
    """Returns the potential of a checkpoint that was read from ``path``."""
    return SavedPotential(
        name=checkpoint.name,
        networks=checkpoint.evaluated,
        descriptor=Descriptor.from_record(checkpoint.descriptor, str(checkpoint.name)),
        energy_rescale=checkpoint.energy_rescale,
        config=renamed_values(checkpoint.config, recorded=True),
        masks={name: mask.numpy() for name, mask in checkpoint.masks.items()},
        ranges=checkpoint.ranges,
        repulsion=checkpoint.repulsion,
        source=path,
        role=_role(path, checkpoint),
    )


def _role(path: Path, checkpoint: checkpoints.Checkpoint) -> str:
    """What makes a checkpoint of a run the one to use, in words."""
    if path.stem == checkpoints.BEST:
        return best_role(checkpoint.config.get("training", {}).get("monitor", "loss"))
    return "last" if checkpoints.list_checkpoints(path.parent)[-1:] == [path] else ""


def from_folder(path: Path, generation: str | None) -> SavedPotential:
    """Reads a weights folder of PANNA 1.x, 2.x or of ours, or a LAMMPS potential.

    Args:
        path: The folder.
        generation: Of its descriptors, if the user says; PANNA's files do not.

    Raises:
        NetworkError: The folder is damaged, or made for another generation.
    """
    saved = read_networks(path)
    parameters = None
    if stored_type(saved) == "BP" or saved.generation is not None or generation is not None:
        parameters = descriptor_parameters(saved, generation)
    return SavedPotential(
        name="energies",
        networks=tuple(saved.networks.values()),
        descriptor=Descriptor(saved.feature_size, parameters),
        energy_rescale=_rescale_of(path),
        config={},
        ranges=read_ranges(path, tuple(saved.networks), saved.feature_size),
        repulsion=read_repulsion(path, tuple(saved.networks)),
        source=path,
    )


def refuse_other_descriptor(saved: NetworkSet, info: Descriptor, named: bool) -> None:
    """Raises DataError where layers of saved networks would meet another descriptor's values.

    Args:
        saved: The networks whose first layers are loaded.
        info: What the descriptors of the data are; unknown ones pass.
        named: Whether the user said which formula they are of.
    """
    if info.parameters is None:
        return
    own = None
    if stored_type(saved) == "BP" or saved.generation is not None:
        own = descriptor_parameters(saved, None)
    if own is not None:
        refuse_difference(Descriptor.of(own), info, saved.source, "the training data")
    elif not named and info.kind == "mBP":
        stored = Descriptor(saved.feature_size)
        raise DataError(
            f"{saved.source}: was trained on {stored}, but the training data have "
            f"{info}: {SAY_WHICH}"
        )


def _rescale_of(path: Path) -> float:
    """The factor that is still in a folder's networks: in those of a model, which says it."""
    facts = path / MODEL_FACTS
    if not facts.is_file():
        return 1.0
    try:
        return float(read_json(facts).get("energy_rescale", 1.0))
    except (ValueError, AttributeError, TypeError):
        raise NetworkError(f"{facts}: is not a JSON object with energy_rescale: damaged") from None


def to_export(
    networks: Sequence[NetworkData], descriptor: Descriptor, energy_rescale: float
) -> NetworkSet:
    """Returns networks of a training in the form that exporters write, with energies in eV.

    Raises:
        NetworkError: ``energy_rescale`` cannot be taken out of them.
    """
    return in_ev(to_network_set(networks, descriptor), energy_rescale)


def to_network_set(networks: Sequence[NetworkData], descriptor: Descriptor) -> NetworkSet:
    """Returns networks as they are, with their descriptor."""
    by_symbol = {network.symbol: network for network in networks}
    parameters = descriptor.parameters
    if parameters is None:
        return NetworkSet(networks=by_symbol, source="the run")
    known = NetworkSet(networks=by_symbol, descriptor_info=descriptor.record, source="the run")
    if not isinstance(parameters, MBPParameters):
        return known  # PANNA's own keys and the generation are those of mBP
    return replace(known, gvect_params=panna_keys(parameters), generation=parameters.generation)


def with_parameters(networks: NetworkSet, descriptor: DescriptorConfig) -> NetworkSet:
    """Returns networks with the descriptor parameters that the options name.

    Without ``descriptor.generation`` the parameters alone are taken over: which formula made the
    data stays unknown.

    Raises:
        DataError: The networks say theirs, and it is another one, or of another size.
    """
    wanted = parameters(descriptor, Species(networks.species), descriptor.generation)
    if networks.descriptor_info is None:
        own = Descriptor(networks.feature_size)
        refuse_difference(own, Descriptor.of(wanted), "the network", "descriptor")
        if descriptor.generation is None and isinstance(wanted, MBPParameters):
            return replace(networks, gvect_params=panna_keys(wanted))
        own_set = to_network_set(tuple(networks.networks.values()), Descriptor.of(wanted))
        return replace(own_set, energy_rescale=networks.energy_rescale)
    known = Descriptor.from_record(networks.descriptor_info, networks.source)
    both_mbp = known.variant is not None and isinstance(wanted, MBPParameters)
    if descriptor.generation is None and both_mbp:  # the formula is the network's
        wanted = parameters(descriptor, Species(networks.species), Generation(known.variant))
    refuse_difference(known, Descriptor.of(wanted), "the network", "descriptor")
    return networks
