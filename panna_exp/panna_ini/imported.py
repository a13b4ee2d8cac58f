"""What an input means here: a command, choices of groups, and values by key with their origin."""

from dataclasses import dataclass, field
from typing import Any

from panna_exp.panna_ini.keywords import Kind

DEFAULT = "PANNA's default"


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of one key, and the line of an INI file that it comes from."""

    value: Any
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """An experiment.

    Args:
        name: Of the experiment.
        file: The input as the user named it.
        kind: What it is.
        command: That runs it, such as ``train``.
        version: Of PANNA.
        reason: How the version is known.
        groups: Choices of config groups that differ from the command's own.
        settings: By dotted key.
        notes: What the user should know.
        skipped: Lines of the input that are kept as comments.
    """

    name: str
    file: str
    kind: Kind
    command: str
    version: int
    reason: str
    groups: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Setting] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def config_name(self) -> str:
        """The command as its file under conf/ is called."""
        return self.command.replace("-", "_")

    def value(self, key: str) -> Any:
        """Returns a value, None where the input says nothing."""
        found = self.settings.get(key)
        return None if found is None else found.value

    def nested(self) -> dict[str, Any]:
        """Returns the values as nested plain dicts."""
        result: dict[str, Any] = {}
        for key, setting in self.settings.items():
            *groups, name = key.split(".")
            inner = result
            for group in groups:
                inner = inner.setdefault(group, {})
            inner[name] = setting.value
        return result
