"""PANNA's short forms of the mBP parameters: one number for all, first value and step, degrees.

Each function appends to ``problems`` one sentence for each mistake that it finds.
"""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, TypeGuard

MOST = 1000  # centres or angles; a damaged file may say a thousand million


def is_number(value: Any) -> TypeGuard[float]:
    """Tells whether ``value`` is a finite real number (and not a boolean)."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def scaled(value: Any, factor: float) -> Any:
    """Returns ``value * factor``, and what is not a number as it is, for the range checks."""
    return float(value) * factor if is_number(value) else value


def spread(
    key: str, value: Any, over: tuple[Any, ...] | None, factor: float, problems: list[str]
) -> tuple[Any, ...] | None:
    """Gives each centre or angle (``over``) its value; None, and a problem, where that fails."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if over is not None and len(value) != len(over):
            problems.append(
                f"{key} has {len(value)} values, expected one number or {len(over)} values"
            )
            return None
        return tuple(scaled(item, factor) for item in value)
    if not is_number(value):
        problems.append(f"{key} must be a number or a list of numbers, got {value!r}")
        return None
    return (scaled(value, factor),) * (1 if over is None else len(over))


def _count(key: str, value: Any, problems: list[str]) -> int | None:
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) > 0:
        if int(value) <= MOST:
            return int(value)
        problems.append(f"{key} must be at most {MOST}, got {value!r:.40}")
        return None
    problems.append(f"{key} must be a whole number above 0, got {value!r:.40}")
    return None


def centers(
    part: str,
    cutoff: Any,
    start: Any,
    number: Any,
    step: Any,
    listed: Sequence[Any] | None,
    length: float,
    problems: list[str],
) -> tuple[Any, ...] | None:
    """Returns the centres of one ``part`` ("rad" or "ang") in angstrom; None after a problem."""
    if listed is not None:
        if number is not None and number != len(listed):
            problems.append(f"RsN_{part} is {number}, but Rs_{part}_list has {len(listed)} values")
        return tuple(scaled(item, length) for item in listed)
    count = _count(f"RsN_{part}", number, problems)
    if not is_number(start):
        problems.append(f"Rs0_{part} must be a number (or give Rs_{part}_list), got {start!r}")
        return None
    if step is not None and not (is_number(step) and step > 0):
        problems.append(f"Rsst_{part} must be a number above 0, got {step!r}")
        return None
    if count is None or not is_number(cutoff) or cutoff <= 0:
        return None
    if step is None:
        if start >= cutoff:
            problems.append(f"Rs0_{part} must be below Rc_{part} = {cutoff:g}, got {start:g}")
            return None
        step = (cutoff - start) / count
    # By index: adding steps up, or arange over floats, can give a spurious extra centre.
    return tuple((float(start) + m * float(step)) * length for m in range(count))


def thetas(
    generation: Any, number: Any, listed: Sequence[Any] | None, problems: list[str]
) -> tuple[Any, ...] | None:
    """Returns the angles in radians (the list is in degrees); None after a problem."""
    if listed is not None:
        if number is not None and number != len(listed):
            problems.append(f"ThetasN is {number}, but Thetas_list has {len(listed)} values")
        return tuple(math.radians(item) if is_number(item) else item for item in listed)
    count = _count("ThetasN", number, problems)
    if count is None:
        return None
    shift = 0.0 if generation == "A" else 0.5
    return tuple(math.pi * (q + shift) / count for q in range(count))
