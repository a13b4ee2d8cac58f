"""From a checked input to an experiment, as the table of keywords says.

What the table cannot say, the modules ``map_*`` add: they set keys first, and what they set, the
table leaves alone.
"""

from dataclasses import dataclass, field
from typing import Any

from panna_exp.errors import ConfigError
from panna_exp.panna_ini.checked import CheckedInput
from panna_exp.panna_ini.imported import DEFAULT, Imported, Setting
from panna_exp.panna_ini.keywords import Keyword, find, rows_of
from panna_exp.panna_ini.text import Entry
from panna_exp.panna_ini.workflow import Workflow

_POWERS = {"length": 1, "1/length^2": -2}


@dataclass(slots=True)
class Mapping:
    """The experiment while it is made.

    Args:
        source: The input.
        workflow: The other inputs, and where paths start from.
        settings: By dotted key.
        problems: A sentence for each mistake.
        notes: A sentence for each thing that the user should know.
        groups: Choices of config groups.
        length: The input's unit of length in angstrom.
    """

    source: CheckedInput
    workflow: Workflow
    settings: dict[str, Setting] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)
    length: float = 1.0

    def apply(self, *sections: str) -> None:
        """Takes over sections, named as in the file, but for keys here that are set already."""
        for section in sections:
            targets: dict[str, list[Keyword]] = {}
            for row in rows_of(self.source.kind, section):
                key = row.target.replace(".X.", f".{section}.")
                if key and key not in self.settings:
                    targets.setdefault(key, []).append(row)
            for key, rows in targets.items():
                self._set(key, rows, section)

    def take(self, section: str, name: str) -> Any:
        """Takes over one keyword, or its default; returns what its key here has then."""
        row = find(self.source.kind, section, name)
        assert row is not None
        self._set(row.target, [row], section)
        found = self.settings.get(row.target)
        return None if found is None else found.value

    def put(self, key: str, value: Any, section: str, name: str) -> None:
        """Sets a key to what was made of a line of the input."""
        entry = self.source.entry(section, name)
        assert entry is not None
        self.settings[key] = Setting(value, entry.origin)

    def add(self, key: str, value: Any, source: str) -> None:
        """Sets a key that has no line of its own."""
        self.settings[key] = Setting(value, source)

    def collect(self, error: ConfigError) -> None:
        """Keeps the problems of an error."""
        self.problems += error.problems

    def imported(self, name: str, command: str) -> Imported:
        """Returns the experiment; ConfigError for the problems found."""
        if self.problems:
            raise ConfigError(self.problems)
        source = self.source
        return Imported(
            name=name,
            file=source.file,
            kind=source.kind,
            command=command,
            version=source.version,
            reason=source.reason,
            groups=self.groups,
            settings=self.settings,
            notes=[*source.notes, *self.notes],
            skipped=source.skipped,
        )

    def _set(self, key: str, rows: list[Keyword], section: str) -> None:
        """Sets a key by the first of its keywords that is given, or that has a default."""
        counting = [row for row in rows if self._counts(row, section)]
        for row in counting:
            if (read := self.source.values.get((section, row.key))) is not None:
                if read.value is not None:  # else as the command here has it
                    self.put(key, self._final(row, read.value), section, row.key)
                return
        for row in counting:
            if row.required:
                file = self.source.file
                self.problems.append(
                    f"{file}: [{section}] {row.display} is missing: {row.required}"
                )
                return
            if text := row.default_text(self.source.version):
                self.settings[key] = Setting(self._default(row, section, text), DEFAULT)
                return

    def _counts(self, row: Keyword, section: str) -> bool:
        """Whether the keyword's condition holds; a note says where one is given in vain."""
        if row.condition is None:
            return True
        name, sign, text = row.condition
        other = find(row.kind, section, name)
        assert other is not None
        wanted = other.value(Entry("", section, name, text, 0))
        found = self.source.get(section, name)
        if found is None:
            found = self._default(other, section, other.default_text(self.source.version))
        if found > wanted if sign == ">" else found == wanted:
            return True
        if (entry := self.source.entry(section, row.key)) is not None:
            self.notes.append(f"{entry.where}: not used, {row.when} would use it")
        return False

    def _default(self, row: Keyword, section: str, text: str) -> Any:
        if text.startswith("="):
            other = find(row.kind, section, text[1:])
            assert other is not None
            own = other.default_text(self.source.version)
            return self.source.get(section, other.key, self._default(other, section, own))
        if text == "none":
            return None
        return self._final(row, row.value(Entry(self.source.file, section, row.key, text, 0)))

    def _final(self, row: Keyword, value: Any) -> Any:
        """The value with the folder that paths start from, in angstrom."""
        if row.type.startswith("path"):
            path = self.workflow.path(value)
            return [path] if row.type == "paths" else path
        if row.unit and self.length != 1.0:
            factor = self.length ** _POWERS[row.unit]
            return [item * factor for item in value] if isinstance(value, list) else value * factor
        return value
