"""Virials against energies of cells that differ by a small strain."""

from dataclasses import replace

import numpy as np
import pytest

from panna_exp.data.stress_check import check_stress
from panna_exp.data.structures import Structure, StructureSet

MODULUS, SPRING = 40.0, 3.0
FRACTIONS = np.array([[0.1, 0.2, 0.3], [0.6, 0.7, 0.98]])
CELL = np.array([[4.0, 0, 0], [0.5, 4.2, 0], [0, -0.3, 3.9]])


def crystals(count=12, sign=1.0, size=0.02, seed=0):
    """Energy MODULUS tr(e e) / 2 in the strain e, and of springs to sites that move with it."""
    random = np.random.default_rng(seed)
    items = []
    for _ in range(count):
        strain = random.normal(scale=size, size=(3, 3))
        strain = (strain + strain.T) / 2
        cell = CELL @ (np.eye(3) + strain)
        away = random.normal(scale=0.02, size=(2, 3))
        # One atom leaves the cell now and then, as in a wrapped trajectory.
        places = FRACTIONS + np.array([[0, 0, 0], [0, 0, random.integers(0, 2)]])
        items.append(
            Structure(
                origin="x",
                name="",
                species=np.array([0, 1]),
                energy=0.5 * MODULUS * float((strain**2).sum()) + 0.5 * SPRING * (away**2).sum(),
                positions=places @ cell + away,
                forces=-SPRING * away,
                cell=cell,
                pbc=np.ones(3, dtype=bool),
                virial=-sign * MODULUS * strain,
            )
        )
    return items


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_slope_tells_the_sign(sign):
    found = check_stress(StructureSet.from_structures(crystals(sign=sign)))
    assert found.num_pairs == 11
    assert found.slope == pytest.approx(sign, abs=0.05)
    assert found.wrong_sign == (sign < 0)
    assert found.agrees == (sign > 0)


@pytest.mark.parametrize(("unit", "factor"), [("GPa", 160.2), ("kbar", 1602), ("kbar", -1602)])
def test_units_of_stresses_are_named_however_small_they_are(unit, factor):
    found = check_stress(StructureSet.from_structures(crystals(sign=factor, size=0.002)))
    assert (found.unit, found.agrees, found.wrong_sign) == (unit, False, factor < 0)


def test_forces_that_are_not_known_leave_the_virials_alone():
    items = [replace(item, forces=None) for item in crystals(24, sign=-1.0, size=0.03)]
    assert check_stress(StructureSet.from_structures(items)).wrong_sign


@pytest.mark.parametrize(
    "items",
    [
        crystals(3),  # three pairs
        [replace(item, virial=None) for item in crystals()],
        [replace(item, virial=None) if n % 3 else item for n, item in enumerate(crystals(9))],
        [replace(item, species=np.array([n, 1])) for n, item in enumerate(crystals())],
        [replace(crystals()[0], energy=float(n)) for n in range(9)],  # one and the same cell
        crystals(size=0.5),
        [replace(item, cell=np.zeros((3, 3)), pbc=np.zeros(3, bool)) for item in crystals()],
    ],
)
def test_what_cannot_be_compared(items):
    assert check_stress(StructureSet.from_structures(items)) is None
