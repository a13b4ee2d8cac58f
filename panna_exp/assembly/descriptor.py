"""Which descriptors a data set has or gets, and whether two of them are the same.

Data, checkpoints and networks carry records of it: :class:`panna_exp.descriptors.info.Descriptor`.
"""

import logging
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import torch

from panna_exp.assembly.descriptor_options import given_options, refuse_contradiction
from panna_exp.assembly.machine import choose_device
from panna_exp.config.schema import (
    NO_PARAMETERS,
    CommonConfig,
    DataConfig,
    DescriptorConfig,
    DescriptorType,
    EvaluateConfig,
    Generation,
    TrainConfig,
)
from panna_exp.config.schema.tools import DescriptorsConfig
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.compute import compute_descriptors
from panna_exp.descriptors.info import Descriptor, Parameters, difference
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.elements import Species
from panna_exp.errors import ConfigError, DataError

# What every path says where positions meet networks of unknown formula.
SAY_WHICH = (
    "say which formula with descriptor.generation=A, B or C (--generation of PANNA's own commands, "
    "generation='A' from Python; PANNA's tutorial TFRecords are A; its present code and LAMMPS "
    "networks C)"
)
# Keys of the group that BP does not have.
_ONLY_MBP = ("Rs0_ang", "RsN_ang", "Rsst_ang", "Rs_ang_list", "ThetasN", "Thetas_list")

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
Options = TrainConfig | EvaluateConfig | DescriptorsConfig


def chosen_generation(data: DataConfig, descriptor: DescriptorConfig) -> Generation | None:
    """Returns the generation that the user named, if any (ConfigError for one of BP)."""
    if data.generation is not None and _is_bp(descriptor):
        raise ConfigError(
            f"data.generation={data.generation.value}: BP has no variants, which are formulas "
            "of mBP: leave it out, or leave out descriptor.type=BP"
        )
    return data.generation or descriptor.generation


def parameters(
    descriptor: DescriptorConfig, species: Species, generation: Generation | None
) -> Parameters:
    """Returns the parameters of the configuration.

    Args:
        descriptor: The group; its type says which.
        species: The species list.
        generation: Of mBP; None: C.

    Raises:
        ConfigError: Every mistake in them.
    """
    names = [item.name for item in fields(descriptor) if item.name not in NO_PARAMETERS]
    values = {name: getattr(descriptor, name) for name in names}
    if _is_bp(descriptor):
        return _bp_parameters(values, descriptor, species)
    for stem, part in (("Rs_rad_list", "_rad"), ("Rs_ang_list", "_ang")):
        if values[stem] is not None:
            values |= {f"Rs0{part}": None, f"RsN{part}": None, f"Rsst{part}": None}
    if values["Thetas_list"] is not None:
        values["ThetasN"] = None
    return MBPParameters.from_panna(
        species.symbols, (generation or Generation.C).value, **values, where="descriptor"
    )


def _bp_parameters(
    values: dict[str, Any], descriptor: DescriptorConfig, species: Species
) -> BPParameters:
    problems = []
    if descriptor.generation is not None:
        problems.append(
            f"descriptor.generation={descriptor.generation.value}: BP has no variants, which "
            "are formulas of mBP: leave it out"
        )
    extra = [key for key in _ONLY_MBP if values.pop(key) is not None]
    if extra:
        problems.append(
            f"descriptor.type=BP: has no {', '.join(extra)}: choose descriptor=bp, or set "
            f"{'it' if len(extra) == 1 else 'them'} to null"
        )
    if problems:
        raise ConfigError(problems)
    if values["Rs_rad_list"] is not None:
        values |= {"Rs0_rad": None, "RsN_rad": None, "Rsst_rad": None}
    return BPParameters.from_panna(species.symbols, **values, where="descriptor")


def _is_bp(descriptor: DescriptorConfig) -> bool:
    return DescriptorType(descriptor.type) is DescriptorType.BP


def with_descriptors(
    structures: StructureSet,
    config: Options,
    species: Species,
    progress: Progress | None = None,
) -> tuple[StructureSet, Descriptor]:
    """Returns the set with descriptors, stored or computed from positions, and what they are.

    Raises:
        ConfigError: Bad descriptor parameters.
        DataError: Neither descriptors nor positions, or stored ones that contradict the options.
    """
    generation = chosen_generation(config.data, config.descriptor)
    if structures.descriptors is None:
        wanted = parameters(config.descriptor, species, generation)
        return computed(structures, wanted, config, progress), Descriptor.of(wanted)
    return structures, _stored(structures, config, generation, species)


def descriptor_of(structures: StructureSet, config: Options, species: Species) -> Descriptor:
    """Returns what the descriptors of a set are, stored or to be computed.

    Raises:
        ConfigError: Bad descriptor parameters.
        DataError: Stored ones that contradict the options.
    """
    generation = chosen_generation(config.data, config.descriptor)
    if structures.descriptors is None:
        return Descriptor.of(parameters(config.descriptor, species, generation))
    return _stored(structures, config, generation, species)


def own_descriptor(structures: StructureSet) -> Descriptor | None:
    """Returns what the stored descriptors are as their file says; None if it does not."""
    record = structures.descriptor_info
    return None if record is None else Descriptor.from_record(record, structures.origins[0])


def computed(
    structures: StructureSet,
    wanted: Parameters,
    config: CommonConfig,
    progress: Progress | None = None,
) -> StructureSet:
    """Returns the set with descriptors computed from its positions (DataError if it has none).

    They are computed on the device and in the precision of the network.
    """
    if structures.positions is None:
        raise DataError(f"{structures.origins[0]}: has neither descriptors nor positions")
    values = compute_descriptors(
        structures,
        wanted,
        dtype=getattr(torch, config.precision.value),
        device=choose_device(config),
        progress=progress,
        kernel=config.descriptor_kernel.value,
    )
    return replace(structures, descriptors=values, descriptor_info=wanted.to_info())


def for_network(
    structures: StructureSet,
    descriptor: Descriptor,
    config: Options,
    species: Species,
    progress: Progress | None = None,
) -> StructureSet:
    """Returns the set with the descriptors that a network made with ``descriptor`` needs.

    Raises:
        DataError: Stored descriptors are known to be others, or positions are given and nothing
            says which descriptor to compute.
    """
    generation = chosen_generation(config.data, config.descriptor)
    if structures.descriptors is not None:
        own = _stored(structures, config, generation, species)
        refuse_difference(descriptor, own, "the network", structures.origins[0])
        if own.parameters is None and descriptor.parameters is not None:
            logger.warning(
                "%s: its descriptors are taken to be those of the network, %s: say "
                "data.generation to have it checked",
                structures.origins[0],
                descriptor,
            )
        return structures
    if descriptor.parameters is not None:
        return computed(structures, descriptor.parameters, config, progress)
    if generation is None and not _is_bp(config.descriptor):
        raise DataError(
            f"{structures.origins[0]}: has positions, but the network was trained on "
            f"{descriptor}: {SAY_WHICH}"
        )
    wanted = parameters(config.descriptor, species, generation)
    refuse_difference(descriptor, Descriptor.of(wanted), "the network", "descriptor")
    return computed(structures, wanted, config, progress)


def refuse_difference(
    first: Descriptor, second: Descriptor, first_name: str, second_name: str
) -> None:
    """Raises DataError if two descriptors are known to differ; unknown with unknown passes."""
    if first.size != second.size:
        raise DataError(
            f"{second_name}: has {second.size} descriptor components (g_size), but "
            f"{first_name} has {first.size}"
        )
    if first.parameters is None or second.parameters is None:
        return
    differences = difference(first.parameters, second.parameters)
    if differences:
        raise DataError(
            f"{second_name}: its descriptors are not those of {first_name}: "
            + "; ".join(differences)
        )


def _stored(
    structures: StructureSet,
    config: Options,
    generation: Generation | None,
    species: Species,
) -> Descriptor:
    assert structures.descriptors is not None
    options, origin = config.descriptor, structures.origins[0]
    size = structures.descriptors.shape[1]
    if structures.descriptor_info is not None:
        found = Descriptor.from_record(structures.descriptor_info, origin)
        if generation is not None and found.kind == "BP":
            raise DataError(
                f"{origin}: its descriptors are {found}, but the options "
                f"say variant {generation.value} of mBP"
            )
        if generation is not None and found.variant not in (None, generation.value):
            raise DataError(
                f"{origin}: its descriptors are of variant "
                f"{found.variant}, but the options say {generation.value}"
            )
        if found.kind == "mBP" and _is_bp(options):
            raise DataError(
                f"{origin}: its descriptors are {found}, but the options say descriptor.type=BP"
            )
        refuse_contradiction(found, given_options(config), origin)
        return found
    if generation is None and not _is_bp(options):
        return Descriptor(size)
    wanted = parameters(options, species, generation)
    if wanted.size != size:
        raise DataError(
            f"{origin}: has {size} descriptor components (g_size), but the "
            f"parameters in 'descriptor' give {wanted.size}: correct them, or leave "
            f"{'descriptor.type=BP' if _is_bp(options) else 'data.generation'} out if they "
            "are not known"
        )
    return Descriptor.of(wanted)
