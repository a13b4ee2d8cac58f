"""What a descriptor is, and the records of it that travel with data, checkpoints and networks.

This module needs no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.errors import DataError, closest

Parameters = MBPParameters | BPParameters
TYPES: dict[str, type[MBPParameters] | type[BPParameters]] = {
    found.TYPE: found for found in (MBPParameters, BPParameters)
}
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a descriptor is, as far as that is known.

    Args:
        size: D, the number of components.
        parameters: What defines it; None for values stored in PANNA's files, which do not say what
            made them.
    """

    size: int
    parameters: Parameters | None = None

    @classmethod
    def of(cls, parameters: Parameters) -> "Descriptor":
        """Returns the descriptor of known parameters."""
        return cls(parameters.size, parameters)

    @classmethod
    def from_record(cls, record: Mapping[str, Any], where: str = "descriptor info") -> "Descriptor":
        """Reads a :attr:`record`.

        Raises:
            DataError: As :func:`parameters_from_info`; names ``where``.
        """
        if record.get("type") != UNKNOWN:
            return cls.of(parameters_from_info(record, where))
        size = record.get("size")
        if not isinstance(size, int) or size < 1:
            raise DataError(f"{where}: the descriptor's size is {size!r}, expected a whole number")
        return cls(size)

    @property
    def record(self) -> dict[str, Any]:
        """JSON-serialisable: that of the parameters, or ``{"type": "unknown", "size": D}``."""
        if self.parameters is None:
            return {"type": UNKNOWN, "size": self.size}
        return self.parameters.to_info()

    @property
    def kind(self) -> str:
        """PANNA's name of the type: mBP, BP or unknown."""
        return UNKNOWN if self.parameters is None else type_name(self.parameters)

    @property
    def variant(self) -> str | None:
        """Which of mBP's formulas (PANNA's generation): A, B or C; None of others."""
        known = self.parameters
        return known.generation if isinstance(known, MBPParameters) else None

    def __str__(self) -> str:
        """In a few words, for messages and logs."""
        if self.parameters is None:
            return f"stored descriptors of unknown variant ({self.size} components)"
        variant = "" if self.variant is None else f" variant {self.variant}"
        return f"{self.kind}{variant} ({self.size} components)"


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
    return parameters.TYPE


def difference(first: Parameters, second: Parameters) -> list[str]:
    """Names the parameters that differ, with both values; empty where they are the same."""
    if isinstance(first, MBPParameters) and isinstance(second, MBPParameters):
        return first.differences(second)
    if isinstance(first, BPParameters) and isinstance(second, BPParameters):
        return first.differences(second)
    return [f"type is {type_name(first)} and {type_name(second)}"]
