"""Checks of the data sets."""

from collections.abc import Mapping
from typing import Any

from panna_exp.config.schema import DataConfig, DescriptorConfig
from panna_exp.config.validation.problems import Problems, is_number
from panna_exp.elements import SYMBOLS, Species
from panna_exp.errors import closest

KINDS = ("auto", "tfrecord", "example", "hdf5", "bin", "ase", "npz", "ani", "spice")


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
    if data.species is not None:
        problems.collect(lambda: Species.from_list(data.species or []))
        for symbol in data.species:
            problems.check(
                symbol in SYMBOLS,
                f"data.species: '{symbol}' is not a chemical symbol{closest(symbol, SYMBOLS)}",
            )
    _reference_energies(data, problems)


def check_generation(data: DataConfig, descriptor: DescriptorConfig, problems: Problems) -> None:
    """Checks that the data and the descriptor do not name different generations."""
    of_data, computed = data.generation, descriptor.generation
    if of_data is not None and computed is not None and of_data is not computed:
        problems.found.append(
            f"data.generation={of_data.value} and descriptor.generation={computed.value} differ: "
            "give one"
        )


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


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)
