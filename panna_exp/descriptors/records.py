"""What the parameters of all descriptors have in common: records of them, checks, comparison.

This module needs no torch.
"""

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from panna_exp.descriptors.panna_keys import is_number
from panna_exp.errors import ConfigError, DataError, closest
from panna_exp.units import length_factor

# Not a denormal number: those compare as zero once training has the processor flush them.
ABOVE_ZERO = sys.float_info.min
# Centres made from first value and step may pass the cutoff by rounding alone.
_ROUNDING = 1e-9
# Files in which parameters were printed, or converted in float32, agree to this.
_SAME = 1e-6


class DescriptorParameters(ABC):
    """Base of the parameters of a descriptor of two- and three-body terms.

    A subclass is a frozen dataclass, whose numbers of components are those of ``size``.

    Attributes:
        TYPE: PANNA's name of the descriptor.
        KEYS: PANNA's key of each field, in the order in which they are stored and reported.
        LIMITS: Lowest and highest number of each list, in the order in which they are checked; the
            highest may be that of a field.
        species: T symbols in the order of their indices.
        cutoff_radial: Rc of the radial part (angstrom).

    Raises:
        ConfigError: Values out of range, all of them named.
    """

    __slots__ = ()

    TYPE: ClassVar[str]
    KEYS: ClassVar[Mapping[str, str]]
    LIMITS: ClassVar[Mapping[str, tuple[float, float | str]]]
    species: tuple[str, ...]
    cutoff_radial: float

    def __post_init__(self) -> None:
        problems = self._range_problems({name: getattr(self, name) for name in self.KEYS})
        if problems:
            raise ConfigError(f"descriptor: {problem}" for problem in problems)

    @property
    @abstractmethod
    def radial_terms(self) -> list[tuple[float, float]]:
        """(exponent, centre) of each radial component of a species (1/angstrom^2, angstrom)."""

    @property
    def radial_size(self) -> int:
        """Number of radial components: T times that of a species."""
        return len(self.species) * len(self.radial_terms)

    @property
    @abstractmethod
    def angular_size(self) -> int:
        """Number of angular components."""

    @property
    def size(self) -> int:
        """D, the number of components (PANNA's g_size)."""
        return self.radial_size + self.angular_size

    @property
    def num_pairs(self) -> int:
        """U, the number of unordered pairs of species."""
        return len(self.species) * (len(self.species) + 1) // 2

    @property
    def multiplicity(self) -> list[float]:
        """[U] factor on the angular terms of each pair of species: every pair counts twice."""
        return [2.0] * self.num_pairs

    def to_info(self) -> dict[str, Any]:
        """Returns a JSON-serialisable record from which :meth:`from_info` gives equal parameters.

        The keys are those of PANNA's LAMMPS input with lists: lengths in angstrom, every value of
        a list, angles in radians.
        """
        info: dict[str, Any] = {"type": self.TYPE}
        for name, key in self.KEYS.items():
            value = getattr(self, name)
            info[key] = list(value) if isinstance(value, tuple) else value
        return info

    @classmethod
    def from_info(cls, info: Mapping[str, Any], where: str = "descriptor info") -> Self:
        """Reads what :meth:`to_info` wrote.

        Raises:
            DataError: Another type, unknown or missing keys, values out of range; names ``where``.
        """
        if info.get("type") != cls.TYPE:
            raise DataError(
                f"{where}: the descriptor type is {info.get('type')!r}, expected {cls.TYPE!r}"
            )
        known = ("type", *cls.KEYS.values())
        problems = [
            f"unknown key '{key}'{closest(str(key), known)}" for key in info if key not in known
        ]
        problems += [f"'{key}' is missing" for key in cls.KEYS.values() if key not in info]
        values: dict[str, Any] = {}
        if not problems:
            values = {
                name: tuple(info[key]) if isinstance(info[key], (list, tuple)) else info[key]
                for name, key in cls.KEYS.items()
            }
            problems = cls._range_problems(values)
        if problems:
            raise DataError(f"{where}: {'; '.join(problems)}")
        return cls(**values)

    def differences(self, other: Self) -> list[str]:
        """Names the parameters that differ, with both values; empty where they are the same.

        Numbers that agree to a relative 1e-6 count as the same: files print them with fewer digits.
        """
        pairs = [
            (key, getattr(self, name), getattr(other, name)) for name, key in self.KEYS.items()
        ]
        return [
            f"{key} is {_text(one)} and {_text(value)}"
            for key, one, value in pairs
            if not _same(one, value)
        ]

    @classmethod
    def _built(cls, values: Mapping[str, Any], problems: list[str], where: str) -> Self:
        """Returns the parameters of fields, None those that could not be made (ConfigError)."""
        found = {name: value for name, value in values.items() if value is not None}
        problems = problems + cls._range_problems(found)
        if problems:
            raise ConfigError(f"{where}: {problem}" for problem in dict.fromkeys(problems))
        return cls(**values)

    @classmethod
    def _range_problems(cls, values: Mapping[str, Any]) -> list[str]:
        """Lists what is out of range; lists that could not be made (not there) are skipped."""
        return cls._field_problems(values)

    @classmethod
    def _field_problems(cls, values: Mapping[str, Any]) -> list[str]:
        """Lists which fields are out of range, each by itself."""
        problems = _species_problems(values["species"]) + _cutoff_problems(values)
        for name, (low, high) in cls.LIMITS.items():
            if name in values:
                highest = _highest_center(values, high) if isinstance(high, str) else high
                problems += _list_problems(cls.KEYS[name], values[name], low, highest)
        return problems


def unit_factor(unit: str, where: str) -> float:
    """Returns how many angstrom a unit of length of the options has (ConfigError)."""
    try:
        return length_factor(unit, where)
    except DataError as error:
        raise ConfigError(str(error)) from None


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    return math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME * 1e-3)


def _text(value: Any) -> str:
    if not isinstance(value, tuple):
        return value if isinstance(value, str) else f"{value:.8g}"
    if len(value) > 1 and not isinstance(value[0], str) and len(set(value)) == 1:
        return f"{len(value)} times {_text(value[0])}"
    return f"[{', '.join(map(_text, value))}]"


def _cutoff_problems(values: Mapping[str, Any]) -> list[str]:
    """Lists which of the two cutoffs are no numbers above 0."""
    return [
        f"{key} must be a number above 0, got {values.get(name)!r}"
        for key, name in (("Rc_rad", "cutoff_radial"), ("Rc_ang", "cutoff_angular"))
        if not (is_number(value := values.get(name)) and value > 0)
    ]


def _highest_center(values: Mapping[str, Any], cutoff: str) -> float:
    """Returns the cutoff, which no centre lies beyond, or infinity where it is no number."""
    limit = values.get(cutoff)
    return float(limit) if is_number(limit) and limit > 0 else math.inf


def _species_problems(species: Any) -> list[str]:
    """Lists what is wrong with the list of symbols."""
    if not isinstance(species, tuple) or not all(isinstance(item, str) for item in species):
        return [f"species must be a list of symbols, got {species!r}"]
    if not species:
        return ["species is empty: name the symbols"]
    if len(set(species)) < len(species):
        doubled = sorted({item for item in species if species.count(item) > 1})
        return [f"species names {', '.join(doubled)} twice"]
    return []


def _list_problems(key: str, items: Any, low: float, high: float = math.inf) -> list[str]:
    """Checks that every item lies between ``low`` and ``high`` (with a rounding error's slack)."""
    if not isinstance(items, tuple) or not items:
        return [f"{key} must be a list of numbers, got {items!r}"]
    limits = "above 0" if low > 0 else f"from 0 to {high:.6g}" if math.isfinite(high) else "from 0"
    wrong = [
        (index, item)
        for index, item in enumerate(items)
        if not (is_number(item) and low <= item <= high * (1 + _ROUNDING))
    ]
    return [f"{key}[{index}] must be a number {limits}, got {item!r}" for index, item in wrong[:1]]
