"""Parameters of the original Behler-Parrinello descriptor, with PANNA's way of writing them.

Units: angstrom, 1/angstrom^2. This module needs no torch, so that configuration, readers and
exporters can use it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from panna_exp.descriptors.panna_keys import centers, is_number, scaled
from panna_exp.descriptors.parameters import Numbers
from panna_exp.descriptors.records import (
    ABOVE_ZERO,
    DescriptorParameters,
    unit_factor,
)

SIGNS = (1.0, -1.0)  # lambda of the angular part, always both


@dataclass(frozen=True, slots=True, kw_only=True)
class BPParameters(DescriptorParameters):
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

    TYPE: ClassVar = "BP"
    KEYS: ClassVar = {
        "species": "species",
        "cutoff_radial": "Rc_rad",
        "radial_eta": "eta_rad",
        "radial_centers": "Rs_rad",
        "cutoff_angular": "Rc_ang",
        "angular_eta": "eta_ang",
        "zeta": "zeta",
    }
    LIMITS: ClassVar = {
        "radial_centers": (0.0, "cutoff_radial"),
        "radial_eta": (0.0, math.inf),
        "angular_eta": (0.0, math.inf),
        "zeta": (ABOVE_ZERO, math.inf),
    }

    species: tuple[str, ...]
    cutoff_radial: float
    radial_eta: tuple[float, ...]
    radial_centers: tuple[float, ...]
    cutoff_angular: float
    angular_eta: tuple[float, ...]
    zeta: tuple[float, ...]

    @property
    def radial_terms(self) -> list[tuple[float, float]]:
        """(exponent, centre) [Ne * Nr]: every exponent with every centre, the centre innermost."""
        return [(eta, center) for eta in self.radial_eta for center in self.radial_centers]

    @property
    def angular_size(self) -> int:
        """Number of angular components: T (T + 1) / 2 * Na * Nz * 2."""
        return self.num_pairs * len(self.angular_eta) * len(self.zeta) * len(SIGNS)

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
        length = unit_factor(unit, where)
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
        return cls._built(values, problems, where)


def _choices(key: str, value: Any, factor: float, problems: list[str]) -> tuple[Any, ...] | None:
    """Returns one number as a list of one; None, and a problem, where it is neither."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(scaled(item, factor) for item in value)
    if not is_number(value):
        problems.append(f"{key} must be a number or a list of numbers, got {value!r}")
        return None
    return (scaled(value, factor),)
