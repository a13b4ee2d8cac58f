"""Collecting the mistakes of a configuration."""

import math
from collections.abc import Callable
from typing import Any

from panna_exp.errors import ConfigError, closest


class Problems:
    """Collects mistakes; ``check`` adds a sentence where a condition does not hold."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def check(self, holds: bool, message: str) -> None:
        """Adds ``message`` unless ``holds``."""
        if not holds:
            self.found.append(message)

    def choice(self, key: str, value: Any, known: tuple[Any, ...]) -> None:
        """Adds a message unless ``value`` is one of ``known``."""
        names = ", ".join(str(item) for item in known)
        hint = closest(str(value), known)
        self.check(value in known, f"{key}={value}: expected one of {names}{hint}")

    def collect(self, part: Callable[[], object]) -> None:
        """Calls ``part`` and adds what a ConfigError of it says."""
        try:
            part()
        except ConfigError as error:
            self.found.extend(error.problems)

    def raise_if_any(self) -> None:
        """Raises one ConfigError with all of them."""
        if self.found:
            raise ConfigError(self.found)


def is_number(value: Any) -> bool:
    """Tells whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
