"""Reads the text of an INI file as Python's configparser does, and keeps the line numbers.

Sections are case-sensitive, keys are not; ``#`` and ``;`` begin comment lines; a line that is
indented further than its key continues the value; ``%(key)s`` stands for another value of the same
section. What configparser would refuse is refused here, all mistakes at once.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from panna_exp.errors import ConfigError

# Real inputs have a few dozen lines; the limits keep what is no input from costing time.
MAX_BYTES = 2**20
MAX_LINES = 5000
_MAX_PROBLEMS = 30
_MAX_VALUE = 2**16
_MAX_DEPTH = 10
_MAX_REFERENCES = 200
_SECTION = re.compile(r"\[(.+)\]")
_REFERENCE = re.compile(r"%\(([^)]*)\)s|%%|%")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``key = value``.

    Args:
        file: The file as the user named it.
        section: Its section.
        key: In lower case.
        value: What follows, without surrounding blanks.
        line: Line of the key, from 1.
    """

    file: str
    section: str
    key: str
    value: str
    line: int

    @property
    def where(self) -> str:
        """``train.ini:12: [IO_INFORMATION] data_dir``, as messages begin."""
        return f"{self.file}:{self.line}: [{shorten(self.section)}] {shorten(self.key)}"

    @property
    def shown(self) -> str:
        """``key = value`` on one line, shortened."""
        return f"{shorten(self.key)} = {shorten(self.value)}"

    @property
    def origin(self) -> str:
        """``train.ini:12: data_dir = x``, as records name where a value is from."""
        return f"{self.file}:{self.line}: {self.shown}"


@dataclass(frozen=True, slots=True)
class Section:
    """One ``[NAME]`` with its entries by key."""

    name: str
    line: int
    entries: dict[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IniFile:
    """A whole file: sections by name, in the order of the file."""

    file: str
    sections: dict[str, Section]

    def entry(self, section: str, key: str) -> Entry | None:
        """Returns an entry, None where there is none."""
        found = self.sections.get(section)
        return None if found is None else found.entries.get(key)

    def entries(self) -> list[Entry]:
        """Returns all entries in the order of the file."""
        return [entry for section in self.sections.values() for entry in section.entries.values()]


def shorten(text: str, most: int = 60) -> str:
    """Returns text on one line and of bounded length, for messages."""
    line = re.sub(r"\s+", " ", text[: 4 * most])
    return line if len(text) <= most and len(line) <= most else f"{line[: most - 3]}..."


def read_ini(path: Path, name: str | None = None) -> IniFile:
    """Reads a file.

    Args:
        path: Where it is.
        name: What messages call it (default: the path).

    Raises:
        ConfigError: It cannot be read, is too large or not UTF-8, or is no INI: every mistake with
            its line.
    """
    shown = name or str(path)
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{shown}: is not a file, expected a PANNA input (.ini)")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{shown}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a NUL in the name
        raise ConfigError(f"{shorten(shown)!r}: is not a file name: {error}") from None
    return parse_ini(_decode(data, shown), shown)


def _decode(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        line = data.count(b"\n") + 1
        raise ConfigError(
            f"{name}:{line}: the file has more than {MAX_BYTES} bytes, too many for a PANNA input: "
            "name the .ini file"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{name}:{line}: byte 0x{data[error.start]:02x} is not UTF-8 text: save the "
            "file as UTF-8"
        ) from None


def parse_ini(text: str, name: str) -> IniFile:
    """Parses the text of an INI file.

    Args:
        text: Its content.
        name: What messages call it.

    Raises:
        ConfigError: Every mistake with its line.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MAX_LINES:
        raise ConfigError(
            f"{name}:{MAX_LINES}: the file has {len(lines)} lines, too many for a PANNA input: "
            "name the .ini file"
        )
    parser = _Parser(name)
    for number, line in enumerate(lines, start=1):
        parser.line(number, line)
    parser.end_value()
    sections = {
        section.name: replace(section, entries=_interpolated(section, parser.problems))
        for section in parser.sections.values()
    }
    if parser.problems:
        raise ConfigError(limited(parser.problems, name))
    return IniFile(name, sections)


def limited(problems: list[str], name: str, most: int = _MAX_PROBLEMS) -> list[str]:
    """Returns the first problems and how many more there are."""
    problems = list(dict.fromkeys(problems))
    if len(problems) <= most:
        return problems
    return [*problems[:most], f"{name}: and {len(problems) - most} more mistakes of this kind"]


class _Parser:
    """State between the lines."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sections: dict[str, Section] = {}
        self.problems: list[str] = []
        self._section: Section | None = None
        self._key: Entry | None = None
        self._indent = 0
        self._lines: list[str] = []

    def line(self, number: int, line: str) -> None:
        """Takes one line."""
        content = line.strip()
        if content.startswith(("#", ";")):
            return
        if not content:
            self._lines.append("")
            return
        if control := _CONTROL.search(line):
            self._problem(number, f"has the control character {control[0]!r}: not a text file?")
            return
        indent = len(line) - len(line.lstrip())
        if self._key is not None and indent > self._indent:
            self._lines.append(content)
            return
        self.end_value()
        self._indent = indent
        header = _SECTION.match(content)
        if header:
            self._begin(header[1], number)
        elif self._section is None:
            self._problem(
                number,
                f"'{shorten(content)}' stands before the first [SECTION]: not a PANNA input?",
            )
        else:
            self._option(number, content)

    def end_value(self) -> None:
        """Stores the entry that the lines so far belong to."""
        if self._key is not None and self._section is not None:
            value = "\n".join(self._lines).rstrip()
            self._section.entries[self._key.key] = replace(self._key, value=value)
        self._key, self._lines = None, []

    def _begin(self, name: str, number: int) -> None:
        earlier = self.sections.get(name)
        if earlier is not None:
            self._problem(
                number,
                f"the section [{shorten(name)}] is there twice, first in line {earlier.line}",
            )
        self._section = Section(name, number)
        if earlier is None:
            self.sections[name] = self._section

    def _option(self, number: int, content: str) -> None:
        ends = [at for at in (content.find("="), content.find(":")) if at >= 0]
        key = content[: min(ends)].strip().lower() if ends else ""
        assert self._section is not None
        if not key:
            missing = "no key before the sign" if ends else "expected key = value or [SECTION]"
            self._problem(number, f"'{shorten(content)}': {missing}")
            return
        earlier = self._section.entries.get(key)
        if earlier is not None:
            self._problem(
                number,
                f"[{shorten(self._section.name)}] {shorten(key)} is there twice, first in line "
                f"{earlier.line}",
            )
            return
        self._key = Entry(self.name, self._section.name, key, "", number)
        self._lines = [content[min(ends) + 1 :].strip()]

    def _problem(self, number: int, text: str) -> None:
        self.problems.append(f"{self.name}:{number}: {text}")


def _interpolated(section: Section, problems: list[str]) -> dict[str, Entry]:
    """The entries with ``%(key)s`` and ``%%`` replaced."""
    result = {}
    for entry in section.entries.values():
        value = entry.value
        if "%" in value:
            try:
                value = _Expansion(section).of(entry)
            except ConfigError as error:
                problems.extend(error.problems)
        result[entry.key] = replace(entry, value=value)
    return result


class _Expansion:
    """Replaces references in one value; bounded in depth, number and length."""

    def __init__(self, section: Section) -> None:
        self._section = section
        self._left = _MAX_REFERENCES

    def of(self, entry: Entry, depth: int = 1) -> str:
        """Returns the value of an entry; ConfigError for references that lead nowhere."""
        if depth > _MAX_DEPTH:
            raise ConfigError(f"{entry.where}: %(...)s refers to itself, or too deep")
        parts: list[str] = []
        end = 0
        for match in _REFERENCE.finditer(entry.value):
            self._left -= 1
            parts += [entry.value[end : match.start()], self._replacement(match, entry, depth)]
            end = match.end()
            if self._left < 0 or len(parts[-1]) > _MAX_VALUE:
                raise ConfigError(f"{entry.where}: too many or too long references %(...)s")
        return "".join([*parts, entry.value[end:]])

    def _replacement(self, match: re.Match[str], entry: Entry, depth: int) -> str:
        if match[0] == "%%":
            return "%"
        if match[0] == "%":
            raise ConfigError(
                f"{entry.where} = {shorten(entry.value)}: '%' begins a reference %(key)s: "
                "write %% for a percent sign"
            )
        target = self._section.entries.get(match[1].lower())
        if target is None:
            raise ConfigError(
                f"{entry.where}: %({shorten(match[1])})s refers to a key that "
                f"[{shorten(entry.section)}] does not have"
            )
        return self.of(target, depth + 1)
