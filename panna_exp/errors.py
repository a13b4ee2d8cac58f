"""Errors a user can cause, each shown as one message and exit code 2."""

from collections.abc import Iterable
from difflib import get_close_matches


class PannaExpError(Exception):
    """A mistake in what the user gave: the message says what, where, and what to do."""


class ConfigError(PannaExpError):
    """One or more mistakes in the configuration.

    Args:
        problems: One sentence per mistake, each naming its key.
    """

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class DataError(PannaExpError):
    """A data file that cannot be used; names file, record and cause."""


class CheckpointError(PannaExpError):
    """A checkpoint or network folder that cannot be used."""


class NetworkError(PannaExpError):
    """A network on disk that is incomplete or does not fit."""


class TrainingError(PannaExpError):
    """A training that diverged: its networks are no longer numbers."""


def closest(name: str, known: Iterable[str]) -> str:
    """Returns ``", did you mean 'X'?"`` for the nearest known name, or an empty string."""
    names = [str(item) for item in known]
    lowered = {item.lower(): item for item in names}
    found = get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.5)
    return f", did you mean '{lowered[found[0]]}'?" if found else ""
