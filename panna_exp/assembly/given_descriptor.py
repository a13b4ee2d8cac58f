"""What a user says of networks whose files do not say what descriptors they take."""

from dataclasses import fields
from typing import Any

from panna_exp.assembly.descriptor import SAY_WHICH, parameters, refuse_difference
from panna_exp.assembly.descriptor_options import refuse_contradiction
from panna_exp.assembly.saved import SavedPotential
from panna_exp.config.schema import DescriptorConfig, DescriptorType, Generation
from panna_exp.descriptors.info import Descriptor
from panna_exp.elements import Species
from panna_exp.errors import DataError, closest


def given_descriptor(
    member: SavedPotential, generation: str | None, keys: dict[str, Any] | None
) -> Descriptor | None:
    """Returns the descriptor that the user says; None where the networks say it.

    Raises:
        DataError: They do, and it is something else; or a key or formula that there is not.
    """
    known = [item.name for item in fields(DescriptorConfig) if item.name != "budget"]
    for key in keys or {}:
        if key not in known:
            raise DataError(f"descriptor: no such key '{key}'{closest(key, known)}")
    if (keys or {}).get("type") == DescriptorType.auto.value:
        raise DataError("descriptor: type=auto is for trainings: say mBP or BP, and the parameters")
    formulas = [item.value for item in Generation]
    generation = generation or (keys or {}).get("generation")
    if generation not in (None, *formulas):
        raise DataError(f"generation={generation!r}: expected one of {', '.join(formulas)}")
    if generation is None and keys is None:
        return None
    if member.descriptor.parameters is not None:
        named = {} if generation is None else {"generation": generation}
        refuse_contradiction(member.descriptor, {**(keys or {}), **named}, member.label)
        return None
    options = DescriptorConfig(**(keys or {}))
    if generation is None and DescriptorType(options.type) is DescriptorType.mBP:
        raise DataError(
            f"{member.label}: the parameters of its {member.descriptor} do not say the "
            f"formula: {SAY_WHICH}"
        )
    formula = None if generation is None else Generation(generation)
    found = Descriptor.of(parameters(options, Species(member.symbols), formula))
    refuse_difference(member.descriptor, found, member.label, "the descriptor parameters")
    return found
