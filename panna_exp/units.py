"""The only conversion factors: internal units are eV and angstrom.

PANNA's constants (CODATA 2010), kept so that converted data agree with PANNA's to the last digit
it prints: 1 bohr = 0.52917721067 angstrom, 1 Ry = 13.6056980659 eV, 1 Ha = 2 Ry. The others are of
the same year: 1 kcal/mol = 4184 J / (N_A e) with N_A e = 96485.33652 C.
"""

from panna_exp.errors import DataError, closest

BOHR = 0.52917721067
RYDBERG = 13.6056980659
_FARADAY = 96485.33652  # joule per mole and eV
GPA = 1 / 160.21766208  # eV/angstrom^3: the elementary charge is 1.6021766208e-19 C

# Names that PANNA's files have; others in them are errors.
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
# Names that the user or another program's file may give as well.
OTHER_LENGTH_UNITS = {**LENGTH_UNITS, "Ang": 1.0, "A": 1.0, "Bohr": BOHR, "a0": BOHR, "nm": 10.0}
OTHER_ENERGY_UNITS = {
    **ENERGY_UNITS,
    "meV": 1e-3,
    "Hartree": 2 * RYDBERG,
    "hartree": 2 * RYDBERG,
    "kcal/mol": 4184.0 / _FARADAY,
    "kJ/mol": 1000.0 / _FARADAY,
}
STRESS_UNITS = {
    "eV/angstrom^3": 1.0,
    "eV/A^3": 1.0,
    "GPa": GPA,
    "kbar": GPA / 10,
    "bar": GPA / 1e4,
    "MPa": GPA / 1e3,
    "Ha/bohr^3": 2 * RYDBERG / BOHR**3,
    "Ry/bohr^3": RYDBERG / BOHR**3,
}


def length_factor(unit: str, where: str) -> float:
    """Returns angstrom per ``unit``; raises DataError naming ``where`` for an unknown unit."""
    return _factor(unit, LENGTH_UNITS, "length", where)


def energy_factor(unit: str, where: str) -> float:
    """Returns eV per ``unit``; raises DataError naming ``where`` for an unknown unit."""
    return _factor(unit, ENERGY_UNITS, "energy", where)


def any_length_factor(unit: str, where: str) -> float:
    """Returns angstrom per ``unit``, which may be another program's name of it (DataError)."""
    return _factor(unit, OTHER_LENGTH_UNITS, "length", where)


def any_energy_factor(unit: str, where: str) -> float:
    """Returns eV per ``unit``, which may be another program's name of it (DataError)."""
    return _factor(unit, OTHER_ENERGY_UNITS, "energy", where)


def any_forces_factor(unit: str, where: str) -> float:
    """Returns eV/angstrom per ``unit``, an energy per length: ``Ha/bohr``, ``kcal/mol/A``.

    Raises:
        DataError: Another one, named with ``where``.
    """
    energy, slash, length = unit.rpartition("/")
    if not slash:
        raise DataError(
            f"{where}: unknown unit of forces {unit!r}, expected an energy per length: "
            "eV/angstrom, Ha/bohr, kcal/mol/angstrom"
        )
    return any_energy_factor(energy.strip(), where) / any_length_factor(length.strip(), where)


def stress_factor(unit: str, where: str) -> float:
    """Returns eV/angstrom^3 per ``unit``; ``-kbar`` are kbar of the opposite sign (DataError)."""
    sign = -1 if unit.startswith("-") else 1
    return sign * _factor(unit.removeprefix("-"), STRESS_UNITS, "stress", where)


def _factor(unit: str, known: dict[str, float], kind: str, where: str) -> float:
    if unit not in known:
        raise DataError(
            f"{where}: unknown {kind} unit {unit!r}, expected one of {', '.join(known)}"
            f"{closest(unit, known)}"
        )
    return known[unit]
