"""Parameters of the mBP descriptor, with PANNA's way of writing them.

Units: angstrom, 1/angstrom^2, radians. This module needs no torch, so that configuration, readers
and exporters can use it.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from panna_exp.descriptors.panna_keys import centers, is_number, scaled, spread, thetas
from panna_exp.errors import ConfigError, DataError, closest
from panna_exp.units import length_factor

GENERATIONS = ("A", "B", "C")
Numbers = float | Sequence[float]

# Field -> PANNA's key, in the order in which they are stored and reported.
_KEYS = {
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
# Not a denormal number: those compare as zero once training has the processor flush them.
_ABOVE_ZERO = sys.float_info.min
# Centres made from first value and step may pass the cutoff by rounding alone.
_ROUNDING = 1e-9
# Files in which parameters were printed, or converted in float32, agree to this.
_SAME = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class MBPParameters:
    """What defines an mBP descriptor.

    The three generations are described at :class:`panna_exp.descriptors.mbp.MBP`.

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

    def __post_init__(self) -> None:
        problems = _range_problems({item.name: getattr(self, item.name) for item in fields(self)})
        if problems:
            raise ConfigError(f"descriptor: {problem}" for problem in problems)

    @property
    def radial_size(self) -> int:
        """Number of radial components: T * Nr."""
        return len(self.species) * len(self.radial_centers)

    @property
    def angular_size(self) -> int:
        """Number of angular components: T (T + 1) / 2 * Np * Nq."""
        num_species = len(self.species)
        pairs = num_species * (num_species + 1) // 2
        return pairs * len(self.angular_centers) * len(self.thetas)

    @property
    def size(self) -> int:
        """D, the number of components (PANNA's g_size)."""
        return self.radial_size + self.angular_size

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
        angles are pi (q + 1/2) / ThetasN, in generation A pi q / ThetasN. A list replaces either.
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
        try:
            length = length_factor(unit, where)
        except DataError as error:
            raise ConfigError(str(error)) from None
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
        found = {name: value for name, value in values.items() if value is not None}
        problems += _range_problems(found)
        if problems:
            raise ConfigError(f"{where}: {problem}" for problem in dict.fromkeys(problems))
        return cls(**values)

    def to_info(self) -> dict[str, Any]:
        """Returns a JSON-serialisable record from which :meth:`from_info` gives equal parameters.

        The keys are those of PANNA's LAMMPS input with lists: lengths in angstrom, one value for
        each centre and angle, Thetas in radians.
        """
        info: dict[str, Any] = {"type": "mBP"}
        for name, key in _KEYS.items():
            value = getattr(self, name)
            info[key] = list(value) if isinstance(value, tuple) else value
        return info

    @classmethod
    def from_info(cls, info: Mapping[str, Any], where: str = "descriptor info") -> "MBPParameters":
        """Reads what :meth:`to_info` wrote.

        Raises:
            DataError: Another type, unknown or missing keys, values out of range; names ``where``.
        """
        kind = info.get("type")
        if kind != "mBP":
            raise DataError(f"{where}: the descriptor type is {kind!r}, expected 'mBP'")
        known = ("type", *_KEYS.values())
        problems = [
            f"unknown key '{key}'{closest(str(key), known)}" for key in info if key not in known
        ]
        problems += [f"'{key}' is missing" for key in _KEYS.values() if key not in info]
        values: dict[str, Any] = {}
        if not problems:
            values = {
                name: tuple(info[key]) if isinstance(info[key], (list, tuple)) else info[key]
                for name, key in _KEYS.items()
            }
            problems = _range_problems(values)
        if problems:
            raise DataError(f"{where}: {'; '.join(problems)}")
        return cls(**values)


def difference(first: MBPParameters, second: MBPParameters) -> list[str]:
    """Names the parameters that differ, with both values; empty where they are the same.

    Numbers that agree to a relative 1e-6 count as the same: files print them with fewer digits.
    """
    differences = []
    for name, key in _KEYS.items():
        one, other = getattr(first, name), getattr(second, name)
        if not _same(one, other):
            differences.append(f"{key} is {_text(one)} and {_text(other)}")
    return differences


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


def _range_problems(values: Mapping[str, Any]) -> list[str]:
    """Lists what is out of range; lists that could not be made (not in ``values``) are skipped."""
    problems = _name_problems(values["species"], values["generation"])
    for key, cutoff in (("Rc_rad", "cutoff_radial"), ("Rc_ang", "cutoff_angular")):
        value = values.get(cutoff)
        if not (is_number(value) and value > 0):
            problems.append(f"{key} must be a number above 0, got {value!r}")
    for part, cutoff in (("radial", "cutoff_radial"), ("angular", "cutoff_angular")):
        limit = values.get(cutoff)
        high = limit if is_number(limit) and limit > 0 else math.inf
        problems += _list_problems(f"{part}_centers", values, 0.0, high)
        problems += _list_problems(f"{part}_eta", values, _ABOVE_ZERO, math.inf)
    problems += _list_problems("zeta", values, _ABOVE_ZERO, math.inf)
    problems += _list_problems("thetas", values, 0.0, math.pi)
    for name, over in (
        ("radial_eta", "radial_centers"),
        ("angular_eta", "angular_centers"),
        ("zeta", "thetas"),
    ):
        one, other = values.get(name), values.get(over)
        if isinstance(one, tuple) and isinstance(other, tuple) and len(one) != len(other):
            problems.append(
                f"{_KEYS[name]} has {len(one)} values, but {_KEYS[over]} has {len(other)}"
            )
    return problems


def _name_problems(species: Any, generation: Any) -> list[str]:
    problems = []
    if generation not in GENERATIONS:
        problems.append(f"generation must be one of {', '.join(GENERATIONS)}, got {generation!r}")
    if not isinstance(species, tuple) or not all(isinstance(item, str) for item in species):
        problems.append(f"species must be a list of symbols, got {species!r}")
    elif not species:
        problems.append("species is empty: name the symbols")
    elif len(set(species)) < len(species):
        doubled = sorted({item for item in species if species.count(item) > 1})
        problems.append(f"species names {', '.join(doubled)} twice")
    return problems


def _list_problems(name: str, values: Mapping[str, Any], low: float, high: float) -> list[str]:
    """Checks that every item lies between ``low`` and ``high`` (with a rounding error's slack)."""
    if name not in values:
        return []
    items, key = values[name], _KEYS[name]
    if not isinstance(items, tuple) or not items:
        return [f"{key} must be a list of numbers, got {items!r}"]
    limits = "above 0" if low > 0 else f"from 0 to {high:.6g}" if math.isfinite(high) else "from 0"
    wrong = [
        (index, item)
        for index, item in enumerate(items)
        if not (is_number(item) and low <= item <= high * (1 + _ROUNDING))
    ]
    return [f"{key}[{index}] must be a number {limits}, got {item!r}" for index, item in wrong[:1]]
