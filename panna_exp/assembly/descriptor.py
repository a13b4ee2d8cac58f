"""Which descriptors a data set has or gets, and whether two of them are the same.

A descriptor is described by a plain dict that travels with data, checkpoints and networks: what
MBPParameters.to_info gives, or ``{"type": "unknown", "size": D}`` for values stored in PANNA's
files, which do not say what made them.
"""

import logging
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import torch

from panna_exp.assembly.machine import choose_device
from panna_exp.config.schema import (
    CommonConfig,
    DataConfig,
    DescriptorConfig,
    EvaluateConfig,
    Generation,
    TrainConfig,
)
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.compute import compute_descriptors
from panna_exp.descriptors.parameters import MBPParameters, difference
from panna_exp.elements import Species
from panna_exp.errors import DataError

logger = logging.getLogger(__name__)

Info = dict[str, Any]
Progress = Callable[[int, int], None]
Options = TrainConfig | EvaluateConfig


def chosen_generation(data: DataConfig, descriptor: DescriptorConfig) -> Generation | None:
    """Returns the generation that the user named, if any."""
    return data.generation or descriptor.generation


def parameters(
    descriptor: DescriptorConfig, species: Species, generation: Generation | None
) -> MBPParameters:
    """Returns the mBP parameters of the configuration (ConfigError with every mistake)."""
    values = {item.name: getattr(descriptor, item.name) for item in fields(descriptor)}
    del values["generation"]
    for stem, part in (("Rs_rad_list", "_rad"), ("Rs_ang_list", "_ang")):
        if values[stem] is not None:
            values |= {f"Rs0{part}": None, f"RsN{part}": None, f"Rsst{part}": None}
    if values["Thetas_list"] is not None:
        values["ThetasN"] = None
    return MBPParameters.from_panna(
        species.symbols, (generation or Generation.C).value, **values, where="descriptor"
    )


def size_of(info: Info) -> int:
    """Returns D, the number of components."""
    return int(info["size"]) if info["type"] == "unknown" else MBPParameters.from_info(info).size


def describe(info: Info) -> str:
    """Returns the descriptor in a few words, for messages and logs."""
    if info["type"] == "unknown":
        return f"stored descriptors of unknown generation ({info['size']} components)"
    return f"mBP generation {info['generation']} ({size_of(info)} components)"


def with_descriptors(
    structures: StructureSet,
    config: Options,
    species: Species,
    progress: Progress | None = None,
) -> tuple[StructureSet, Info]:
    """Returns the set with descriptors, stored or computed from positions, and what they are.

    Raises:
        ConfigError: Bad descriptor parameters.
        DataError: Neither descriptors nor positions, or stored ones that contradict the options.
    """
    generation = chosen_generation(config.data, config.descriptor)
    if structures.descriptors is None:
        wanted = parameters(config.descriptor, species, generation)
        return computed(structures, wanted, config, progress), wanted.to_info()
    return structures, _stored_info(structures, config.descriptor, generation, species)


def computed(
    structures: StructureSet,
    wanted: MBPParameters,
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
    )
    return replace(structures, descriptors=values, descriptor_info=wanted.to_info())


def for_network(
    structures: StructureSet,
    info: Info,
    config: Options,
    species: Species,
    progress: Progress | None = None,
) -> StructureSet:
    """Returns the set with the descriptors that a network made with ``info`` needs.

    Raises:
        DataError: Stored descriptors are known to be others, or positions are given and nothing
            says which descriptor to compute.
    """
    generation = chosen_generation(config.data, config.descriptor)
    if structures.descriptors is not None:
        own = _stored_info(structures, config.descriptor, generation, species)
        refuse_difference(info, own, "the network", structures.origins[0])
        if own["type"] == "unknown" and info["type"] != "unknown":
            logger.warning(
                "%s: its descriptors are taken to be those of the network, %s: say "
                "data.generation to have it checked",
                structures.origins[0],
                describe(info),
            )
        return structures
    if info["type"] != "unknown":
        return computed(structures, MBPParameters.from_info(info), config, progress)
    if generation is None:
        raise DataError(
            f"{structures.origins[0]}: has positions, but the network was trained on "
            f"{describe(info)}: say which formula with descriptor.generation=A, B or C "
            "(PANNA's tutorial TFRecords are A; its present code and LAMMPS networks C)"
        )
    wanted = parameters(config.descriptor, species, generation)
    refuse_difference(info, wanted.to_info(), "the network", "descriptor")
    return computed(structures, wanted, config, progress)


def refuse_difference(first: Info, second: Info, first_name: str, second_name: str) -> None:
    """Raises DataError if two descriptors are known to differ; unknown with unknown passes."""
    if size_of(first) != size_of(second):
        raise DataError(
            f"{second_name}: has {size_of(second)} descriptor components (g_size), but "
            f"{first_name} has {size_of(first)}"
        )
    if "unknown" in (first["type"], second["type"]):
        return
    differences = difference(MBPParameters.from_info(first), MBPParameters.from_info(second))
    if differences:
        raise DataError(
            f"{second_name}: its descriptors are not those of {first_name}: "
            + "; ".join(differences)
        )


def _stored_info(
    structures: StructureSet,
    descriptor: DescriptorConfig,
    generation: Generation | None,
    species: Species,
) -> Info:
    assert structures.descriptors is not None
    size = structures.descriptors.shape[1]
    if structures.descriptor_info is not None:
        info = structures.descriptor_info
        if generation is not None and info.get("generation") not in (None, generation.value):
            raise DataError(
                f"{structures.origins[0]}: its descriptors are of generation "
                f"{info['generation']}, but the options say {generation.value}"
            )
        return info
    if generation is None:
        return {"type": "unknown", "size": size}
    wanted = parameters(descriptor, species, generation)
    if wanted.size != size:
        raise DataError(
            f"{structures.origins[0]}: has {size} descriptor components (g_size), but the "
            f"parameters in 'descriptor' give {wanted.size}: correct them, or leave "
            "data.generation out if they are not known"
        )
    return wanted.to_info()
