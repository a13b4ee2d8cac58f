"""The only conversion factors: internal units are eV and angstrom.

PANNA's constants (CODATA 2010), kept so that converted data agree with PANNA's to the last digit
it prints: 1 bohr = 0.52917721067 angstrom, 1 Ry = 13.6056980659 eV, 1 Ha = 2 Ry.
"""

from panna_exp.errors import DataError, closest

BOHR = 0.52917721067
RYDBERG = 13.6056980659

LENGTH_UNITS = {"angstrom": 1.0, "bohr": BOHR}
ENERGY_UNITS = {
    "eV": 1.0,
    "ev": 1.0,
    "EV": 1.0,
    "Ry": RYDBERG,
    "Ryd": RYDBERG,
    "ryd": RYDBERG,
    "ry": RYDBERG,
    "RY": RYDBERG,
    "Ha": 2 * RYDBERG,
}


def length_factor(unit: str, where: str) -> float:
    """Returns angstrom per ``unit``; raises DataError naming ``where`` for an unknown unit."""
    return _factor(unit, LENGTH_UNITS, "length", where)


def energy_factor(unit: str, where: str) -> float:
    """Returns eV per ``unit``; raises DataError naming ``where`` for an unknown unit."""
    return _factor(unit, ENERGY_UNITS, "energy", where)


def _factor(unit: str, known: dict[str, float], kind: str, where: str) -> float:
    if unit not in known:
        raise DataError(
            f"{where}: unknown {kind} unit {unit!r}, expected one of {', '.join(known)}"
            f"{closest(unit, known)}"
        )
    return known[unit]
