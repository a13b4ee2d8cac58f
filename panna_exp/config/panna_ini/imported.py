"""What an input means here: a command, choices of groups, and values by key with their origin."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from panna_exp.config.panna_ini.checked import CheckedInput
from panna_exp.config.panna_ini.keywords import Kind

DEFAULT = "PANNA's default"
_MISSING = object()


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


class Settings:
    """Collects settings from a checked input."""

    def __init__(self, source: CheckedInput) -> None:
        self.source = source
        self.items: dict[str, Setting] = {}

    def take(
        self,
        key: str,
        section: str,
        name: str,
        default: Any = _MISSING,
        convert: Callable[[Any], Any] | None = None,
    ) -> None:
        """Takes a key of the input over, or PANNA's default where the input leaves it out."""
        read = self.source.values.get((section, name))
        if read is None:
            if default is not _MISSING:
                self.items[key] = Setting(default, DEFAULT)
            return
        value = read.value if convert is None else convert(read.value)
        self.put(key, value, section, name)

    def put(self, key: str, value: Any, section: str, name: str) -> None:
        """Sets a key to what was made of a line of the input."""
        entry = self.source.entry(section, name)
        assert entry is not None
        self.items[key] = Setting(value, f"{entry.file}:{entry.line}: {entry.shown}")

    def add(self, key: str, value: Any, source: str) -> None:
        """Sets a key that has no line of its own."""
        self.items[key] = Setting(value, source)
