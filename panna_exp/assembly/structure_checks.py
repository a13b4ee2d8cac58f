"""What is done with structures as soon as they are read: refused, or weighed as the options say."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from panna_exp.data.overlaps import overlapping
from panna_exp.data.structures import Floats, StructureSet
from panna_exp.errors import DataError, closest
from panna_exp.quantities import WEIGHTED

logger = logging.getLogger(__name__)

_DEFAULT = "default"


def refuse_overlaps(structures: StructureSet) -> None:
    """Raises DataError for a structure with two atoms at one place."""
    found = next(overlapping(structures), None)
    if found is None:
        return
    structure, one, other, distance = found
    which = f"atoms {one} and {other} are" if one != other else f"atom {one} and its image are"
    raise DataError(
        f"{structures.origins[structure]}: {which} {distance:.3g} angstrom apart, at one place: "
        "correct the structure or take it out of the file"
    )


def check_types(structures: StructureSet, by_type: Mapping[str, Any] | None) -> None:
    """Raises DataError for a config_type in ``data.weights`` that no training structure has."""
    known = sorted({kind for kind in structures.config_types if kind}) if by_type else []
    for name in by_type or ():
        if name != _DEFAULT and name not in known:
            listed = ", ".join(map(repr, known)) or "none"
            raise DataError(
                f"{structures.origins[0]}: data.weights names the config_type '{name}', which no "
                f"structure has; known are: {listed}{closest(name, known)}"
            )


def weighted(structures: StructureSet, by_type: Mapping[str, Any] | None) -> StructureSet:
    """Returns the set with ``data.weights`` times the weights that its file has.

    Args:
        structures: S structures.
        by_type: By config_type a factor, or factors by WEIGHTED; ``default``: of all others.
    """
    if not by_type:
        return structures
    factors = {kind: _three(given) for kind, given in by_type.items()}
    default = factors.get(_DEFAULT, _three(1.0))
    kinds = list(structures.config_types) or [""] * len(structures)
    own = np.ones((len(structures), 3)) if structures.weights is None else structures.weights
    chosen = np.array([factors.get(kind, default) if kind else default for kind in kinds])
    return replace(structures, weights=own * chosen)


def _three(given: float | Mapping[str, float]) -> Floats:
    """Returns the factors [3] on the losses of energy, forces and virial."""
    if isinstance(given, Mapping):
        return np.array([given.get(name, 1.0) for name in WEIGHTED])
    return np.full(3, given)


def say_weights(structures: StructureSet) -> None:
    """Says which weights count in the losses of a training, and of how many structures."""
    if structures.weights is None:
        return
    values, counts = np.unique(structures.weights, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    shown = [f"{_words(values[index])} ({counts[index]})" for index in order[:5].tolist()]
    more = f" and {len(order) - 5} others" if len(order) > 5 else ""
    logger.info("weights in the losses (structures): %s%s", ", ".join(shown), more)


def _words(weights: np.ndarray) -> str:
    energy, forces, virial = weights.tolist()
    if energy == forces == virial:
        return f"{energy:g}"
    return f"energy {energy:g} forces {forces:g} virial {virial:g}"
