"""Parameters of the original Behler-Parrinello descriptor, with PANNA's way of writing them.

Units: angstrom, 1/angstrom^2. This module needs no torch, so that configuration, readers and
exporters can use it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from panna_exp.descriptors.panna_keys import centers, is_number, scaled
from panna_exp.descriptors.parameters import Numbers
from panna_exp.descriptors.records import (
    ABOVE_ZERO,
    cutoff_problems,
    differences,
    highest_center,
    list_problems,
    record_of,
    species_problems,
    values_of_record,
)
from panna_exp.errors import ConfigError, DataError
from panna_exp.units import length_factor

SIGNS = (1.0, -1.0)  # lambda of the angular part, always both

# Field -> PANNA's key, in the order in which they are stored and reported.
_KEYS = {
    "species": "species",
    "cutoff_radial": "Rc_rad",
    "radial_eta": "eta_rad",
    "radial_centers": "Rs_rad",
    "cutoff_angular": "Rc_ang",
    "angular_eta": "eta_ang",
    "zeta": "zeta",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BPParameters:
    """What defines a BP descriptor; the formula is at :class:`panna_exp.descriptors.bp.BP`.

    Exponents, centres and zetas are lists of choices: every one is combined with every other.

    Args:
        species: T symbols in the order of their indices.
        cutoff_radial: Rc of the radial part (angstrom).
        radial_eta: [Ne] Gaussian exponents, each with every centre (1/angstrom^2).
        radial_centers: [Nr] centres (angstrom).
        cutoff_angular: Rc of the angular part (angstrom).
        angular_eta: [Na] exponents of the angular part, each with every zeta and sign.
        zeta: [Nz] exponents of the angle.

    Raises:
        ConfigError: Values out of range, all of them named.
    """

    species: tuple[str, ...]
    cutoff_radial: float
    radial_eta: tuple[float, ...]
    radial_centers: tuple[float, ...]
    cutoff_angular: float
    angular_eta: tuple[float, ...]
    zeta: tuple[float, ...]

    def __post_init__(self) -> None:
        problems = _range_problems({item.name: getattr(self, item.name) for item in fields(self)})
        if problems:
            raise ConfigError(f"descriptor: {problem}" for problem in problems)

    @property
    def radial_size(self) -> int:
        """Number of radial components: T * Ne * Nr."""
        return len(self.species) * len(self.radial_eta) * len(self.radial_centers)

    @property
    def angular_size(self) -> int:
        """Number of angular components: T (T + 1) / 2 * Na * Nz * 2."""
        num_species = len(self.species)
        pairs = num_species * (num_species + 1) // 2
        return pairs * len(self.angular_eta) * len(self.zeta) * len(SIGNS)

    @property
    def size(self) -> int:
        """D, the number of components (PANNA's g_size)."""
        return self.radial_size + self.angular_size

    @classmethod
    def from_panna(
        cls,
        species: Sequence[str],
        *,
        eta_rad: Numbers,
        Rc_rad: float,
        Rs0_rad: float | None = None,
        RsN_rad: int | None = None,
        Rsst_rad: float | None = None,
        Rs_rad_list: Sequence[float] | None = None,
        eta_ang: Numbers | None = None,
        Rc_ang: float | None = None,
        zeta: Numbers,
        unit: str = "angstrom",
        where: str = "descriptor",
    ) -> "BPParameters":
        """Builds the parameters from PANNA's keys, named as in its INI files.

        Centres are Rs0 + m Rsst for m < RsN, with Rsst = (Rc - Rs0) / RsN where it is not given;
        a list replaces them. Unlike those of mBP, eta_rad, eta_ang and zeta may have any number
        of values: each is a component of its own.

        Args:
            species: Symbols in the order of their indices.
            eta_rad: Exponents, in 1/unit^2 (so is eta_ang).
            Rc_rad: Cutoff, in ``unit`` (so are Rs0, Rsst and Rs_rad_list).
            Rs0_rad: First centre.
            RsN_rad: Number of centres.
            Rsst_rad: Distance between centres.
            Rs_rad_list: All centres.
            eta_ang: Exponents of the angular part; None: those of the radial part.
            Rc_ang: Cutoff of the angular part; None: that of the radial part.
            zeta: Exponents of the angle.
            unit: "angstrom" or "bohr".
            where: What the messages name: a config group or a file.

        Raises:
            ConfigError: Missing, contradicting or out-of-range values, all of them named.
        """
        problems: list[str] = []
        try:
            length = length_factor(unit, where)
        except DataError as error:
            raise ConfigError(str(error)) from None
        if eta_ang is None:
            eta_ang = eta_rad
        values: dict[str, Any] = {
            "species": tuple(species),
            "cutoff_radial": scaled(Rc_rad, length),
            "radial_eta": _choices("eta_rad", eta_rad, length**-2, problems),
            "radial_centers": centers(
                "rad", Rc_rad, Rs0_rad, RsN_rad, Rsst_rad, Rs_rad_list, length, problems
            ),
            "cutoff_angular": scaled(Rc_rad if Rc_ang is None else Rc_ang, length),
            "angular_eta": _choices("eta_ang", eta_ang, length**-2, problems),
            "zeta": _choices("zeta", zeta, 1.0, problems),
        }
        found = {name: value for name, value in values.items() if value is not None}
        problems += _range_problems(found)
        if problems:
            raise ConfigError(f"{where}: {problem}" for problem in dict.fromkeys(problems))
        return cls(**values)

    def to_info(self) -> dict[str, Any]:
        """Returns a JSON-serialisable record from which :meth:`from_info` gives equal parameters.

        The keys are PANNA's, all of them lists but the cutoffs, lengths in angstrom.
        """
        return record_of("BP", self, _KEYS)

    @classmethod
    def from_info(cls, info: Mapping[str, Any], where: str = "descriptor info") -> "BPParameters":
        """Reads what :meth:`to_info` wrote.

        Raises:
            DataError: Another type, unknown or missing keys, values out of range; names ``where``.
        """
        return cls(**values_of_record("BP", info, _KEYS, _range_problems, where))


def bp_difference(first: BPParameters, second: BPParameters) -> list[str]:
    """Names the parameters that differ, with both values; empty where they are the same."""
    return differences(first, second, _KEYS)


def _choices(key: str, value: Any, factor: float, problems: list[str]) -> tuple[Any, ...] | None:
    """Returns one number as a list of one; None, and a problem, where it is neither."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(scaled(item, factor) for item in value)
    if not is_number(value):
        problems.append(f"{key} must be a number or a list of numbers, got {value!r}")
        return None
    return (scaled(value, factor),)


def _range_problems(values: Mapping[str, Any]) -> list[str]:
    """Lists what is out of range; lists that could not be made (not in ``values``) are skipped."""
    problems = species_problems(values["species"]) + cutoff_problems(values)
    for name, low, high in (
        ("radial_centers", 0.0, highest_center(values, "cutoff_radial")),
        ("radial_eta", 0.0, math.inf),
        ("angular_eta", 0.0, math.inf),
        ("zeta", ABOVE_ZERO, math.inf),
    ):
        if name in values:
            problems += list_problems(_KEYS[name], values[name], low, high)
    return problems
