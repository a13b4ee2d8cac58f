"""Options of the descriptor that contradict one whose parameters are known.

This module needs no torch.
"""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.info import Parameters, type_name

_TOLERANCE = 1e-6  # files print numbers with fewer digits


def contradictions(known: Parameters, given: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Compares each option by itself with what is known.

    Args:
        known: The parameters.
        given: Options under PANNA's keys, lengths in angstrom, angles in degrees; None: not given.

    Returns:
        Of each option with another value its key, the known value and the one given.
    """
    values = _values(known)
    found = []
    for key, value in given.items():
        if value is None:
            continue
        own = values.get(key)
        if own is None:
            found.append((key, "no such parameter", shown(value)))
        elif not _same(own, value):
            found.append((key, shown(own), shown(value)))
    return found


def shown(value: Any) -> str:
    """Returns a number, or a list of them in brackets, a single one without."""
    items = list(value) if _is_list(value) else [value]
    texts = [f"{item:.10g}" if isinstance(item, Real) else str(item) for item in items]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _values(known: Parameters) -> dict[str, Any]:
    """What each option would have to be; one number where all of a list are that."""
    values: dict[str, Any] = {
        "type": type_name(known),
        "Rc_rad": known.cutoff_radial,
        "Rc_ang": known.cutoff_angular,
        **_centers("rad", known.radial_centers),
    }
    if isinstance(known, BPParameters):
        return values | {
            "eta_rad": known.radial_eta,
            "eta_ang": known.angular_eta,
            "zeta": known.zeta,
        }
    return values | {
        "generation": known.generation,
        "eta_rad": _one(known.radial_eta),
        "eta_ang": _one(known.angular_eta),
        "zeta": _one(known.zeta),
        **_centers("ang", known.angular_centers),
        "ThetasN": len(known.thetas),
        "Thetas_list": tuple(math.degrees(angle) for angle in known.thetas),
    }


def _centers(part: str, centers: Sequence[float]) -> dict[str, Any]:
    values = {
        f"Rs0_{part}": centers[0],
        f"RsN_{part}": len(centers),
        f"Rs_{part}_list": tuple(centers),
    }
    if len(centers) > 1:
        values[f"Rsst_{part}"] = (centers[-1] - centers[0]) / (len(centers) - 1)
    return values


def _one(values: Sequence[float]) -> Any:
    return values[0] if len(set(values)) == 1 else tuple(values)


def _same(own: Any, value: Any) -> bool:
    """Whether two values agree; a number stands for a list of any length of it."""
    if isinstance(own, str) or isinstance(value, str):
        return bool(own == value)
    one, other = (list(item) if _is_list(item) else [item] for item in (own, value))
    if len(one) != len(other) and not _is_list(own):
        one *= len(other)
    if len(one) != len(other):
        return False
    return all(
        isinstance(b, Real) and math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=1e-9)
        for a, b in zip(one, other, strict=True)
    )


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
