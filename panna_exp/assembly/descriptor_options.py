"""Options of the descriptor that the user set, compared with a descriptor that is known.

Where stored descriptors or networks say what they are, the options mean nothing; those that say
something else are refused, since whoever set them expects them to count.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from panna_exp.config.schema import (
    NO_PARAMETERS,
    DescriptorConfig,
    DescriptorType,
    EvaluateConfig,
    Generation,
    TrainConfig,
)
from panna_exp.config.schema.tools import DescriptorsConfig
from panna_exp.descriptors.given import contradictions
from panna_exp.descriptors.info import Descriptor
from panna_exp.errors import DataError


def given_options(config: TrainConfig | EvaluateConfig | DescriptorsConfig) -> dict[str, Any]:
    """Returns the parameters that somebody set: typed, or other than the defaults.

    ``descriptor=NAME`` on the command line, and BP, which is no default, set all of them.
    """
    chosen, default = config.descriptor, DescriptorConfig()
    typed = chosen.typed
    everything = "" in typed or DescriptorType(chosen.type) is DescriptorType.BP
    names = [item.name for item in fields(chosen) if item.name not in NO_PARAMETERS]
    return {
        name: getattr(chosen, name)
        for name in names
        if everything or name in typed or getattr(chosen, name) != getattr(default, name)
    }


def refuse_contradiction(descriptor: Descriptor, given: Mapping[str, Any], where: str) -> None:
    """Raises DataError if options are not those of a descriptor that is known.

    Args:
        descriptor: What is known; an unknown one passes.
        given: Parameters under PANNA's keys, and ``generation``.
        where: What has the descriptor.
    """
    if descriptor.parameters is None:
        return
    found = contradictions(descriptor.parameters, given)
    if found:
        texts = [f"{key} is {own}, but the options say {value}" for key, own, value in found]
        raise DataError(
            f"{where}: says itself what its {descriptor.kind} descriptors are: {'; '.join(texts)}: "
            f"leave {'it' if len(found) == 1 else 'them'} out, or take other data or networks"
        )


def with_generation(given: Mapping[str, Any], generation: Generation | None) -> dict[str, Any]:
    """Returns the options with the formula of mBP that was named, if any."""
    return dict(given) if generation is None else {**given, "generation": generation.value}
