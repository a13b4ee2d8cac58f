"""``--reference-energies`` of convert: what is typed, and the energies of a species list."""

import re
from collections.abc import Mapping

from panna_exp.elements import SYMBOLS, Species
from panna_exp.errors import ConfigError, closest

_FLAG = "--reference-energies"
_PAIR = re.compile(r"\s*['\"]?([A-Za-z]+)['\"]?\s*[:=]\s*(\S+)\s*")


def energies_of(text: str | None) -> dict[str, float] | None:
    """Returns the energies by symbol (eV), None for a fit or where nothing is said.

    Args:
        text: ``{H: -13.6, O: -2041.8}``, braces or not, or ``fit``.

    Raises:
        ConfigError: Not of that form, or not a chemical symbol.
    """
    if text is None or text.strip() == "fit":
        return None
    energies = {}
    for item in text.strip().removeprefix("{").removesuffix("}").split(","):
        pair = _PAIR.fullmatch(item)
        value = None if pair is None else _number(pair[2])
        if pair is None or value is None:
            raise ConfigError(
                f"{_FLAG}: '{item.strip()}' is not the energy of a species: expected "
                "'{H: -13.6, O: -2041.8}' in eV, or fit"
            )
        if pair[1] not in SYMBOLS:
            raise ConfigError(
                f"{_FLAG}: '{pair[1]}' is not a chemical symbol{closest(pair[1], SYMBOLS)}"
            )
        energies[pair[1]] = value
    return energies


def energies_for(species: Species, energies: Mapping[str, float]) -> list[float]:
    """Returns the energies in the order of a species list (ConfigError: one has none)."""
    missing = [symbol for symbol in species if symbol not in energies]
    if missing:
        raise ConfigError(
            f"{_FLAG}: has no energy of {', '.join(missing)}, which the data have: name all, or fit"
        )
    return [energies[symbol] for symbol in species]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
