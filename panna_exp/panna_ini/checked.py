"""An input whose every key is known and every value read; all mistakes are found at once."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from panna_exp.errors import ConfigError, closest
from panna_exp.panna_ini.keywords import (
    SECTIONS,
    Effect,
    Kind,
    find,
    rows_of,
    section_of,
    sections_with,
)
from panna_exp.panna_ini.recognize import kind_of, panna_version
from panna_exp.panna_ini.text import Entry, IniFile, limited, read_ini, shorten


@dataclass(frozen=True, slots=True)
class Read:
    """One value with the line it came from."""

    value: Any
    entry: Entry


@dataclass(slots=True, kw_only=True)
class CheckedInput:
    """One input.

    Args:
        ini: The text.
        kind: What it is.
        version: Of PANNA, 1 or 2.
        reason: How the version is known.
        values: By section and key in lower case.
        notes: What changes nothing here, one sentence per key.
        skipped: Unknown sections and keys, as ``--skip-unknown`` keeps them.
    """

    ini: IniFile
    kind: Kind
    version: int
    reason: str
    values: dict[tuple[str, str], Read] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The file as the user named it."""
        return self.ini.file

    def get(self, section: str, key: str, default: Any = None) -> Any:
        """Returns a value, the default where the key is missing."""
        found = self.values.get((section, key))
        return default if found is None else found.value

    def entry(self, section: str, key: str) -> Entry | None:
        """Returns the line of a value."""
        found = self.values.get((section, key))
        return None if found is None else found.entry

    def section(self, name: str) -> dict[str, Read]:
        """Returns the values of a section by key."""
        return {key: read for (section, key), read in self.values.items() if section == name}


def read_input(
    path: Path, name: str, version: int | None = None, skip_unknown: bool = False
) -> CheckedInput:
    """Reads a file and checks every line of it.

    Args:
        path: Where it is.
        name: What messages call it.
        version: PANNA's, if the user says.
        skip_unknown: Whether unknown sections and keys are kept as comments, not errors.

    Raises:
        ConfigError: Every mistake with its line.
    """
    return check(read_ini(path, name), version, skip_unknown)


def check(ini: IniFile, version: int | None = None, skip_unknown: bool = False) -> CheckedInput:
    """Checks a file that was read; see read_input."""
    kind = kind_of(ini)
    number, reason = panna_version(ini, kind, version)
    checked = CheckedInput(ini=ini, kind=kind, version=number, reason=reason)
    problems: list[str] = []
    for section in ini.sections.values():
        if section_of(kind, section.name) is None:
            message = (
                f"{ini.file}:{section.line}: [{shorten(section.name)}]: unknown section"
                f"{_nearest_section(kind, section.name)}"
            )
            _unknown(message, checked, problems, skip_unknown)
            if skip_unknown:
                checked.skipped += [_line(entry) for entry in section.entries.values()]
            continue
        for entry in section.entries.values():
            _take(entry, checked, problems, skip_unknown)
    if problems:
        raise ConfigError(limited(problems, ini.file))
    return checked


def _take(entry: Entry, checked: CheckedInput, problems: list[str], skip_unknown: bool) -> None:
    item = find(checked.kind, entry.section, entry.key)
    if item is None:
        message = f"{entry.where}: unknown key{_nearest(checked.kind, entry)}"
        _unknown(message, checked, problems, skip_unknown)
        if skip_unknown:
            checked.skipped.append(_line(entry))
        return
    try:
        value = item.value(entry)
    except ConfigError as error:
        problems.extend(error.problems)
        return
    if item.effect is Effect.NO_EFFECT:
        checked.notes.append(f"{entry.where}: changes nothing here: {item.ignored}")
    elif item.effect is not Effect.REFUSED:
        checked.values[(entry.section, entry.key)] = Read(value, entry)


def _unknown(message: str, checked: CheckedInput, problems: list[str], skip_unknown: bool) -> None:
    if skip_unknown:
        checked.notes.append(f"{message}: skipped")
    else:
        problems.append(f"{message} (--skip-unknown keeps it as a comment)")


def _nearest_section(kind: Kind, name: str) -> str:
    symbol = name.strip().capitalize()
    if section_of(kind, symbol) is not None:
        return f", did you mean '{symbol}'?"
    return closest(shorten(name), SECTIONS[kind])


def _nearest(kind: Kind, entry: Entry) -> str:
    elsewhere = [name for name in sections_with(kind, entry.key) if name != entry.section]
    if elsewhere:
        return f", it belongs into [{elsewhere[0]}]"
    return closest(shorten(entry.key), [row.display for row in rows_of(kind, entry.section)])


def _line(entry: Entry) -> str:
    return f"{entry.file}:{entry.line}: [{shorten(entry.section)}] {entry.shown}"
