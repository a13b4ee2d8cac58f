"""Parameters of the mBP descriptor, with PANNA's way of writing them.

Units: angstrom, 1/angstrom^2, radians. This module needs no torch, so that configuration, readers
and exporters can use it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from panna_exp.descriptors.panna_keys import centers, scaled, spread, thetas
from panna_exp.descriptors.records import (
    ABOVE_ZERO,
    DescriptorParameters,
    unit_factor,
)

GENERATIONS = ("A", "B", "C")
Numbers = float | Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class MBPParameters(DescriptorParameters):
    """What defines an mBP descriptor.

    The three variants are described at :class:`panna_exp.descriptors.mbp.MBP`.

    Args:
        species: T symbols in the order of their indices.
        generation: Which formula: "A", "B" or "C".
        cutoff_radial: Rc of the radial part (angstrom).
        radial_eta: [Nr] Gaussian exponents, one for each centre (1/angstrom^2).
        radial_centers: [Nr] centres (angstrom).
        cutoff_angular: Rc of the angular part (angstrom).
        angular_eta: [Np] as radial_eta.
        angular_centers: [Np] as radial_centers.
        zeta: [Nq] exponents, one for each angle.
        thetas: [Nq] angle centres (radians).

    Raises:
        ConfigError: Values out of range, all of them named.
    """

    TYPE: ClassVar = "mBP"
    KEYS: ClassVar = {
        "generation": "generation",
        "species": "species",
        "cutoff_radial": "Rc_rad",
        "radial_eta": "eta_rad",
        "radial_centers": "Rs_rad",
        "cutoff_angular": "Rc_ang",
        "angular_eta": "eta_ang",
        "angular_centers": "Rs_ang",
        "zeta": "zeta",
        "thetas": "Thetas",
    }
    LIMITS: ClassVar = {
        "radial_centers": (0.0, "cutoff_radial"),
        "radial_eta": (ABOVE_ZERO, math.inf),
        "angular_centers": (0.0, "cutoff_angular"),
        "angular_eta": (ABOVE_ZERO, math.inf),
        "zeta": (ABOVE_ZERO, math.inf),
        "thetas": (0.0, math.pi),
    }

    species: tuple[str, ...]
    generation: str
    cutoff_radial: float
    radial_eta: tuple[float, ...]
    radial_centers: tuple[float, ...]
    cutoff_angular: float
    angular_eta: tuple[float, ...]
    angular_centers: tuple[float, ...]
    zeta: tuple[float, ...]
    thetas: tuple[float, ...]

    @property
    def radial_terms(self) -> list[tuple[float, float]]:
        """(exponent, centre) [Nr]: one exponent for each centre."""
        return list(zip(self.radial_eta, self.radial_centers, strict=True))

    @property
    def angular_size(self) -> int:
        """Number of angular components: T (T + 1) / 2 * Np * Nq."""
        return self.num_pairs * len(self.angular_centers) * len(self.thetas)

    @property
    def multiplicity(self) -> list[float]:
        """[U] all pairs count twice, in variant A those of one species 4 times."""
        doubled = 4.0 if self.generation == "A" else 2.0
        size = len(self.species)
        return [doubled if low == high else 2.0 for low in range(size) for high in range(low, size)]

    @classmethod
    def from_panna(
        cls,
        species: Sequence[str],
        generation: str,
        *,
        eta_rad: Numbers,
        Rc_rad: float,
        Rs0_rad: float | None = None,
        RsN_rad: int | None = None,
        Rsst_rad: float | None = None,
        eta_ang: Numbers,
        Rc_ang: float,
        Rs0_ang: float | None = None,
        RsN_ang: int | None = None,
        Rsst_ang: float | None = None,
        zeta: Numbers,
        ThetasN: int | None = None,
        Rs_rad_list: Sequence[float] | None = None,
        Rs_ang_list: Sequence[float] | None = None,
        Thetas_list: Sequence[float] | None = None,
        unit: str = "angstrom",
        where: str = "descriptor",
    ) -> "MBPParameters":
        """Builds the parameters from PANNA's keys, named as in its INI files.

        Centres are Rs0 + m Rsst for m < RsN, with Rsst = (Rc - Rs0) / RsN where it is not given;
        angles are pi (q + 1/2) / ThetasN, in variant A pi q / ThetasN. A list replaces either.
        eta_rad, eta_ang and zeta are one number, or one for each centre or angle.

        Args:
            species: Symbols in the order of their indices.
            generation: "A", "B" or "C".
            eta_rad: Exponents, in 1/unit^2 (so is eta_ang).
            Rc_rad: Cutoff, in ``unit`` (so are Rs0, Rsst and the Rs lists).
            Rs0_rad: First centre.
            RsN_rad: Number of centres.
            Rsst_rad: Distance between centres.
            eta_ang: Exponents of the angular part.
            Rc_ang: Cutoff of the angular part.
            Rs0_ang: First centre of the angular part.
            RsN_ang: Number of centres of the angular part.
            Rsst_ang: Distance between centres of the angular part.
            zeta: Exponents of the angle.
            ThetasN: Number of angles.
            Rs_rad_list: All centres.
            Rs_ang_list: All centres of the angular part.
            Thetas_list: All angles, in degrees.
            unit: "angstrom" or "bohr".
            where: What the messages name: a config group or a file.

        Raises:
            ConfigError: Missing, contradicting or out-of-range values, all of them named.
        """
        problems: list[str] = []
        length = unit_factor(unit, where)
        radial = centers("rad", Rc_rad, Rs0_rad, RsN_rad, Rsst_rad, Rs_rad_list, length, problems)
        angular = centers("ang", Rc_ang, Rs0_ang, RsN_ang, Rsst_ang, Rs_ang_list, length, problems)
        angles = thetas(generation, ThetasN, Thetas_list, problems)
        values: dict[str, Any] = {
            "species": tuple(species),
            "generation": generation,
            "cutoff_radial": scaled(Rc_rad, length),
            "radial_eta": spread("eta_rad", eta_rad, radial, length**-2, problems),
            "radial_centers": radial,
            "cutoff_angular": scaled(Rc_ang, length),
            "angular_eta": spread("eta_ang", eta_ang, angular, length**-2, problems),
            "angular_centers": angular,
            "zeta": spread("zeta", zeta, angles, 1.0, problems),
            "thetas": angles,
        }
        return cls._built(values, problems, where)

    @classmethod
    def _range_problems(cls, values: Mapping[str, Any]) -> list[str]:
        problems = []
        if (generation := values["generation"]) not in GENERATIONS:
            listed = ", ".join(GENERATIONS)
            problems.append(f"generation must be one of {listed}, got {generation!r}")
        problems += cls._field_problems(values)
        for name, over in (
            ("radial_eta", "radial_centers"),
            ("angular_eta", "angular_centers"),
            ("zeta", "thetas"),
        ):
            one, other = values.get(name), values.get(over)
            if isinstance(one, tuple) and isinstance(other, tuple) and len(one) != len(other):
                key, other_key = cls.KEYS[name], cls.KEYS[over]
                problems.append(f"{key} has {len(one)} values, but {other_key} has {len(other)}")
        return problems
