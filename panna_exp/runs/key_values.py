"""The words ``key=value`` of commands that Hydra does not read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from panna_exp.errors import ConfigError, closest
from panna_exp.files import user_path

_PRECISIONS = ("float64", "float32")
_GENERATIONS = ("A", "B", "C")


@dataclass(slots=True)
class KeyValues:
    """What was typed after a command, and what is wrong with it.

    Args:
        command: Its name, for messages.
        values: By key.
        files: Words that are neither options nor keys.
        problems: One sentence each.
    """

    command: str
    values: dict[str, str]
    files: list[str]
    problems: list[str]

    @classmethod
    def of(
        cls, command: str, words: Sequence[str], keys: Sequence[str], *, takes_files: bool = False
    ) -> "KeyValues":
        """Sorts words; one that is neither of ``keys`` with a value nor a file is a problem."""
        found = cls(command, {}, [], [])
        for word in words:
            key, equals, value = word.partition("=")
            if key in keys and value:
                found.values[key] = value
            elif takes_files and not word.startswith("-") and (not equals or Path(word).exists()):
                found.files.append(word)
            else:
                names = ", ".join(f"{name}=" for name in keys)
                found.problems.append(
                    f"{command}: unknown or incomplete option '{word}', expected {names}"
                    f"{closest(key.lstrip('-'), keys)}"
                )
        return found

    def require(self, *keys: str) -> None:
        """Keys that must be there."""
        missing = [key for key in keys if key not in self.values]
        self.problems += [f"{self.command}: {key}= is missing" for key in missing]

    def check_suffix(self, key: str, suffixes: Sequence[str], expected: str) -> None:
        """The file of a key has one of ``suffixes``; ``expected`` says so."""
        value = self.values.get(key)
        if value is not None and Path(value).suffix not in suffixes:
            self.problems.append(f"{self.command}: {key}={value}: expected a name that {expected}")

    def check_choices(self) -> None:
        """``precision`` and ``generation``, where they are given, are among those that exist."""
        self.check_choice("precision", _PRECISIONS)
        self.check_choice("generation", _GENERATIONS)

    def check_choice(self, key: str, choices: Sequence[str]) -> None:
        """The value of a key, where it is given, is one of ``choices``."""
        value = self.values.get(key, choices[0])
        if value not in choices:
            *first, last = choices
            self.problems.append(
                f"{self.command}: {key}={value}: expected {', '.join(first)} or {last}"
                f"{closest(value, choices)}"
            )

    def check_number(
        self, key: str, kind: type[int] | type[float], least: float, expected: str
    ) -> None:
        """The value of a key, where it is given, is a finite number of its kind from ``least``."""
        text = self.values.get(key)
        if text is None:
            return
        try:
            good = least <= kind(text) < math.inf
        except ValueError:
            good = False
        if not good:
            self.problems.append(f"{self.command}: {key}={text}: expected {expected}")

    def check_new(self, key: str, beside: Sequence[str]) -> None:
        """The file of a key is not there yet, nor one of the same name and other suffixes.

        ``force=true`` allows it.
        """
        if key not in self.values or self.values.get("force") == "true":
            return
        path = user_path(self.values[key])
        for each in (path, *(path.with_suffix(suffix) for suffix in beside)):
            if each.exists():
                self.problems.append(
                    f"{self.command}: {each}: exists already: force=true replaces it"
                )

    def checked(self) -> dict[str, str]:
        """Returns the values (ConfigError: all problems together)."""
        if self.problems:
            raise ConfigError(self.problems)
        return self.values
