"""The data of an evaluation, read once and prepared for the networks' descriptor."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from panna_exp.assembly import descriptor as descriptors
from panna_exp.assembly.committee import members_of
from panna_exp.assembly.datasets import (
    DataPart,
    as_paths,
    make_part,
    read_options,
    read_run_data,
    reader_kind,
)
from panna_exp.assembly.descriptor import chosen_generation, own_descriptor
from panna_exp.assembly.descriptor_options import (
    given_options,
    refuse_contradiction,
    with_generation,
)
from panna_exp.assembly.force_check import refuse_unmovable
from panna_exp.assembly.machine import choose_device, use_threads
from panna_exp.assembly.saved import SavedPotential
from panna_exp.config.composed import typed_values
from panna_exp.config.schema import DataConfig, DescriptorType, EvaluateConfig, TrainConfig
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.info import Descriptor
from panna_exp.elements import Species
from panna_exp.errors import ConfigError
from panna_exp.files import read_json
from panna_exp.readers import open_structures
from panna_exp.run_files import ENVIRONMENT
from panna_exp.runs.assess import Evaluator
from panna_exp.runs.progress import DescriptorDisplay
from panna_exp.runs.run_info import data_name


def refuse_untrained(part: DataPart, members: Sequence[SavedPotential]) -> None:
    """Raises DataError if the data have a species whose network is untrained."""
    structures = part.structures
    for member in members:
        if member.untrained:
            counts = structures.counts(len(member.symbols))
            places = [member.symbols.index(symbol) for symbol in member.untrained]
            first = int(counts[:, places].any(axis=1).argmax())
            member.refuse_untrained(counts.sum(axis=0).tolist(), structures.origins[first])


def prepare_data(
    config: EvaluateConfig, base: Path, potential: SavedPotential
) -> tuple[Evaluator, Descriptor]:
    """Reads the data that the options name, the run's own validation data without any.

    Args:
        config: Of the command.
        base: Folder that relative paths start from.
        potential: The first one; later ones share its descriptor, which is returned as well.

    Raises:
        PannaExpError: Data that cannot be read, or that are not what the networks take.
    """
    data = _data(config, potential)
    _check_options(config, potential)
    species = Species(potential.symbols)
    with_forces = _wants_forces(config, potential)
    reading = read_options(data, derivatives=with_forces)
    if config.data.test is None:
        own = _run_config(config, potential)
        reading = read_options(own.data)
        part, name = _own_validation(config, own, base, with_forces), "validation"
    else:
        reading = replace(reading, virials=with_forces and _wants_stress(config, potential))
        loaded = open_structures(
            as_paths(data.test), species, kind=reader_kind(data), base=base, options=reading
        )
        structures = descriptors.for_network(
            loaded.structures, potential.descriptor, config, species, DescriptorDisplay()
        )
        part = make_part(structures, potential.offsets, loaded.files, loaded.fingerprint)
        name = data_name(part)
    use_threads(config.threads or 1)
    descriptor = _known_descriptor(config, potential, part.sample)
    if config.check_forces:  # said before minutes of evaluating, not after
        refuse_unmovable(part.sample, descriptor)
    evaluator = Evaluator.build(
        name,
        part,
        reading,
        species,
        potential.offsets,
        dtype=getattr(torch, config.precision.value),
        device=choose_device(config),
        batch_size=config.batch_size,
        descriptor=descriptor if with_forces else None,
        kernel=config.descriptor_kernel.value,
    )
    return evaluator, descriptor


def _wants_forces(config: EvaluateConfig, potential: SavedPotential) -> bool:
    """Whether to predict forces: as the user says, else as the run was trained."""
    if config.check_forces:
        return True
    if config.compute_stress:
        return True
    if config.compute_forces is not None:
        return config.compute_forces
    trained: Any = potential.config.get("training", {})
    return bool(trained.get("forces_cost", 0) > 0)


def _wants_stress(config: EvaluateConfig, potential: SavedPotential) -> bool:
    """Whether to compare stresses: as the user says, else as the run was trained."""
    if config.compute_stress is not None:
        return config.compute_stress
    trained: Any = potential.config.get("training", {})
    return bool(trained.get("virial_cost", 0) > 0)


def _known_descriptor(
    config: EvaluateConfig, potential: SavedPotential, structures: StructureSet
) -> Descriptor:
    """What the descriptors of the data are: they say, or the network does, or the options."""
    for known in (own_descriptor(structures), potential.descriptor):
        if known is not None and known.parameters is not None:
            return known
    generation = chosen_generation(config.data, config.descriptor)
    if generation is None and config.descriptor.type is not DescriptorType.BP:
        return potential.descriptor
    species = Species(potential.symbols)
    return Descriptor.of(descriptors.parameters(config.descriptor, species, generation))


def _data(config: EvaluateConfig, potential: SavedPotential) -> DataConfig:
    """The data options, with the network's own species list; another one is refused."""
    own = config.data.species
    if own is not None and tuple(own) != potential.symbols:
        raise ConfigError(
            f"data.species={list(own)}, but the network has {list(potential.symbols)}: "
            "leave data.species out, the network knows it"
        )
    return replace(config.data, species=list(potential.symbols))


def _check_options(config: EvaluateConfig, potential: SavedPotential) -> None:
    """Refuses options of the descriptor that are not those of the networks, where these say."""
    generation = chosen_generation(config.data, config.descriptor)
    given = with_generation(given_options(config), generation)
    refuse_contradiction(potential.descriptor, given, potential.label)


def _run_config(config: EvaluateConfig, potential: SavedPotential) -> TrainConfig:
    """What the run was trained with."""
    if config.run_dir is None:
        raise ConfigError("data.test is missing: name the data to evaluate network_dir on")
    return typed_values(TrainConfig, potential.config)


def _own_validation(
    config: EvaluateConfig, own: TrainConfig, base: Path, derivatives: bool
) -> DataPart:
    """The run's own validation data, read as the run read it."""
    assert config.run_dir is not None
    run_dir = base / Path(config.run_dir).expanduser()
    started = _launch_dir((members_of(run_dir) or [run_dir])[0])
    data = read_run_data(own, started or base, DescriptorDisplay(), derivatives)
    if data.validation is None:
        raise ConfigError(
            "data.test is missing: the run has no validation data, name the data to evaluate on"
        )
    return data.validation


def _launch_dir(run_dir: Path) -> Path | None:
    """The folder that relative paths of a run start from, where it is still there."""
    record = run_dir / ENVIRONMENT
    if not record.exists():
        return None
    folder = Path(read_json(record)["launch_dir"])
    return folder if folder.is_dir() else None
