"""Whether energy differences and what forces or stresses say of them agree, and what is wrong.

A verdict needs certainty: enough pairs of structures, and differences that lie on one line. Shapes:
n pairs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.units import BOHR, GPA, OTHER_ENERGY_UNITS, RYDBERG

MIN_PAIRS = 5
_TOLERANCE = 0.2  # of a slope that agrees
_NEAR = 0.08  # of a slope that a known mistake gives
_ON_A_LINE = 0.95  # correlation of what is compared

# Mistakes by what they multiply the numbers with.
_KCAL, _KJ = OTHER_ENERGY_UNITS["kcal/mol"], OTHER_ENERGY_UNITS["kJ/mol"]
FORCE_MISTAKES = {
    "Ha/bohr": 2 * RYDBERG / BOHR,
    "Ry/bohr": RYDBERG / BOHR,
    "Ha/angstrom": 2 * RYDBERG,
    "Ry/angstrom": RYDBERG,
    "eV/bohr": 1 / BOHR,
    "kcal/mol/angstrom": _KCAL,
    "kcal/mol/bohr": _KCAL / BOHR,
    "kJ/mol/angstrom": _KJ,
    "kJ/mol/nm": _KJ / 10,
    "meV/angstrom": 1e-3,
    "eV/nm": 0.1,
}
STRESS_MISTAKES = {
    "GPa": GPA,
    "kbar": GPA / 10,
    "MPa": GPA / 1e3,
    "bar": GPA / 1e4,
    "Ha/bohr^3": 2 * RYDBERG / BOHR**3,
    "Ry/bohr^3": RYDBERG / BOHR**3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A verdict.

    Args:
        num_pairs: n.
        slope: Energy differences over what the labels say of them, 1 where both agree.
        unit: The unit that the labels are in if they were taken for eV and angstrom, None: no
            known one explains the slope.
    """

    num_pairs: int
    slope: float
    unit: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether unit and sign are right."""
        return abs(self.slope - 1) <= _TOLERANCE

    @property
    def wrong_sign(self) -> bool:
        """Whether the labels have the opposite sign."""
        return self.slope < 0

    def mistake(self, label: str) -> str:
        """Returns what is wrong in words, for labels that do not agree."""
        size = abs(self.slope)
        parts = []
        if abs(size - 1) > _TOLERANCE:
            factor = (
                f"{size:.3g} times too small" if size > 1 else f"{1 / size:.3g} times too large"
            )
            guess = "" if self.unit is None else f" (as {self.unit} taken for eV and angstrom are)"
            parts.append(factor + guess)
        if self.wrong_sign:
            parts.append("of the wrong sign")
        return (
            f"energy differences of {self.num_pairs} pairs of structures say that the {label} are "
            + " and ".join(parts)
        )


def agreement(by_labels: Floats, given: Floats, mistakes: Mapping[str, float]) -> Agreement | None:
    """Compares differences [n] that labels give with those of the energies [n].

    Args:
        by_labels: Minus the work of forces or virials between two structures (eV).
        given: Energy of the second structure less that of the first (eV).
        mistakes: Known factors by name, on numbers that are taken for eV and angstrom.

    Returns:
        None without certainty: few pairs, or differences that lie on no line.
    """
    size = float(by_labels @ by_labels)
    if len(given) < MIN_PAIRS or not size or not given.any():
        return None
    product = float(by_labels @ given)
    if abs(product) < _ON_A_LINE * np.sqrt(size * float(given @ given)):
        return None
    slope = product / size
    found = Agreement(num_pairs=len(given), slope=slope)
    if found.agrees or abs(abs(slope) - 1) <= _TOLERANCE:
        return found
    near = {name: abs(abs(slope) / factor - 1) for name, factor in mistakes.items()}
    best = min(near, key=lambda name: near[name])
    return Agreement(num_pairs=len(given), slope=slope, unit=best if near[best] < _NEAR else None)
