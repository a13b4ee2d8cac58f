"""Checks of the data sets."""

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

from panna_exp.config.schema import DataConfig, DescriptorConfig
from panna_exp.config.validation.problems import Problems, is_number
from panna_exp.elements import SYMBOLS, Species
from panna_exp.errors import DataError, closest
from panna_exp.quantities import WEIGHTED
from panna_exp.units import any_energy_factor, any_forces_factor, any_length_factor, stress_factor

KINDS = ("auto", "tfrecord", "example", "hdf5", "bin", "ase", "npz", "ani", "spice")
# What data=tutorial, the default of train, sets beside data.train (a test compares).
TUTORIAL_ENERGIES = {"H": -13.62, "C": -1029.41, "O": -2041.84, "N": -1484.87}
BUILTIN = "builtin:"
# The kinds that suffixes stand for, for messages (a test compares with the readers).
SUFFIXES = {
    ".tfrecord": "tfrecord",
    ".example": "example",
    **dict.fromkeys((".h5", ".hdf5"), "hdf5"),
    ".bin": "bin",
    **dict.fromkeys((".xyz", ".extxyz", ".traj", ".db"), "ase"),
    ".npz": "npz",
}


def check_data(data: DataConfig, problems: Problems) -> None:
    """Checks the data sets."""
    problems.choice("data.kind", data.kind, KINDS)
    for key in ("train", "validation", "test"):
        value = getattr(data, key)
        good = value is None or isinstance(value, str) or _is_text_list(value)
        problems.check(good, f"data.{key}={value!r}: expected a path or a list of paths")
    fraction = data.validation_fraction
    problems.check(
        0 <= fraction < 1, f"data.validation_fraction={fraction} must be at least 0 and below 1"
    )
    problems.check(data.split_seed >= 0, f"data.split_seed={data.split_seed} must be >= 0")
    for name in ("memory_gb", "window_mb"):
        value = getattr(data, name)
        problems.check(is_number(value) and value > 0, f"data.{name}={value} must be > 0")
    if data.zero_forces is not None:
        problems.choice("data.zero_forces", data.zero_forces, ("missing", "keep"))
    if data.forces_sign is not None:
        problems.choice("data.forces_sign", data.forces_sign, (1, -1))
    _units(data, problems)
    _weights(data.weights, problems)
    if data.species is not None:
        problems.collect(lambda: Species.from_list(data.species or []))
        for symbol in data.species:
            problems.check(
                symbol in SYMBOLS,
                f"data.species: '{symbol}' is not a chemical symbol{closest(symbol, SYMBOLS)}",
            )
    _reference_energies(data, problems)


def check_generation(data: DataConfig, descriptor: DescriptorConfig, problems: Problems) -> None:
    """Checks that the data and the descriptor do not name different variants."""
    of_data, computed = data.generation, descriptor.generation
    if of_data is not None and computed is not None and of_data is not computed:
        problems.found.append(
            f"data.generation={of_data.value} and descriptor.generation={computed.value} differ: "
            "give one"
        )


def check_tutorial(data: DataConfig, problems: Problems) -> None:
    """Refuses the tutorial's validation data or reference energies with other training data.

    They stay when ``data.train`` alone is given, since ``data=tutorial`` is the default; whoever
    means them names the format as well.
    """
    own = [path for path in _paths(data.train) if not path.startswith(BUILTIN)]
    if not own or data.kind != "auto":
        return
    left = []
    if any(path.startswith(BUILTIN) for path in _paths(data.validation)):
        left.append("validation data")
    if data.reference_energies == TUTORIAL_ENERGIES:
        left.append("reference energies")
    if left:
        kind = SUFFIXES.get(PurePath(own[0]).suffix)
        problems.found.append(
            f"data.train={own[0]}: the {' and '.join(left)} are still those of data=tutorial, the "
            f"default: choose data={kind or 'KIND'} (then data.species and data.reference_energies "
            f"are yours to give), or add data.kind={kind or 'KIND'} if they are meant"
            + ("" if kind else f"; KIND is one of {', '.join(KINDS[1:])}")
        )


def _paths(value: Any) -> list[str]:
    """A data option as a list; what is no path is reported elsewhere."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]


def _reference_energies(data: DataConfig, problems: Problems) -> None:
    value = data.reference_energies
    if value is None or value == "fit":
        return
    if not isinstance(value, Mapping):
        problems.found.append(
            f"data.reference_energies={value!r}: expected energies by symbol, {{H: -13.62, ...}}, "
            "or fit"
        )
        return
    for symbol, energy in value.items():
        key = f"data.reference_energies.{symbol}"
        problems.check(is_number(energy), f"{key}={energy!r}: expected a finite number in eV")
        if data.species:
            hint = closest(str(symbol), data.species)
            listed = ", ".join(data.species)
            problems.check(
                symbol in data.species, f"{key}: '{symbol}' is not in data.species [{listed}]{hint}"
            )
    missing = [symbol for symbol in data.species or [] if symbol not in value]
    problems.check(
        not missing, f"data.reference_energies: {', '.join(missing)} missing (0 is allowed)"
    )


def _units(data: DataConfig, problems: Problems) -> None:
    """Checks units as the readers would, which come to them one after the other."""
    checks: tuple[tuple[str | None, str, Callable[[str, str], float]], ...] = (
        (data.energy_unit, "data.energy_unit", any_energy_factor),
        (data.length_unit, "data.length_unit", any_length_factor),
        (data.forces_unit, "data.forces_unit", any_forces_factor),
        (data.stress_unit, "data.stress_unit", stress_factor),
    )
    for value, key, factor in checks:
        if value is not None:
            try:
                factor(value, key)
            except DataError as error:
                problems.found.append(str(error))


def _weights(value: Any, problems: Problems) -> None:
    if value is None:
        return
    good = isinstance(value, Mapping) and all(map(_is_weight, value.values()))
    problems.check(
        good,
        f"data.weights={value!r}: expected for each config_type a number from 0, or one for some "
        f"of {', '.join(WEIGHTED)}: {{IsolatedAtom: 0.1, slab: {{energy: 1, forces: 0.2}}}}",
    )


def _is_weight(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(key in WEIGHTED and _is_weight(value[key]) for key in value)
    return is_number(value) and value >= 0


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)
