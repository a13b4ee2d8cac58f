"""Parameters of either type of descriptor, from and as the records that travel with data.

This module needs no torch.
"""

from collections.abc import Mapping
from typing import Any

from panna_exp.descriptors.bp_parameters import BPParameters, bp_difference
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.descriptors.parameters import difference as mbp_difference
from panna_exp.errors import DataError, closest

Parameters = MBPParameters | BPParameters
TYPES: dict[str, type[MBPParameters] | type[BPParameters]] = {
    "mBP": MBPParameters,
    "BP": BPParameters,
}


def parameters_from_info(info: Mapping[str, Any], where: str = "descriptor info") -> Parameters:
    """Reads what ``to_info`` of either class of parameters wrote.

    Raises:
        DataError: A type that is neither, or as ``from_info`` of its class; names ``where``.
    """
    kind = info.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise DataError(
            f"{where}: the descriptor type is {kind!r}, expected {' or '.join(map(repr, TYPES))}"
            f"{closest(str(kind), tuple(TYPES))}"
        )
    return TYPES[kind].from_info(info, where)


def type_name(parameters: Parameters) -> str:
    """Returns PANNA's name of the type: mBP or BP."""
    return "mBP" if isinstance(parameters, MBPParameters) else "BP"


def difference(first: Parameters, second: Parameters) -> list[str]:
    """Names the parameters that differ, with both values; empty where they are the same."""
    if isinstance(first, MBPParameters) and isinstance(second, MBPParameters):
        return mbp_difference(first, second)
    if isinstance(first, BPParameters) and isinstance(second, BPParameters):
        return bp_difference(first, second)
    return [f"type is {type_name(first)} and {type_name(second)}"]
