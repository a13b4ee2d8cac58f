"""The table of PANNA's keywords (``keywords.toml``), and what looks things up in it."""

import re
import tomllib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args

from panna_exp.elements import SYMBOLS
from panna_exp.errors import ConfigError
from panna_exp.panna_ini.text import Entry
from panna_exp.panna_ini.values import converter

Kind = Literal["train", "validation", "extract", "descriptors", "packing"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# The section of one species in a training input, [H]: its name is a symbol of atomic_sequence.
SPECIES = "SPECIES"
_LAYER_FILE = re.compile(r"layer(\d{1,3})_([wb])_file")
_CONDITION = re.compile(r"(\w+) (=|>) (\S+)")


class Effect(Enum):
    """What becomes of a keyword."""

    HONOURED = "honoured"
    TRANSLATED = "deprecated, translated"
    NO_EFFECT = "no effect here"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """One row of the table, which explains the fields that are not explained here.

    Args:
        kind: The kind of input.
        section: Its section, or SPECIES.
        display: The keyword as PANNA spells it.
    """

    kind: Kind
    section: str
    display: str
    to: str = ""
    type: str = "text"
    default: str = ""
    first: str = ""
    shown: str = ""
    required: str = ""
    when: str = ""
    only: int | None = None
    weak: bool = False
    unit: str = ""
    bp: bool = True
    note: str = ""
    ignored: str = ""
    refused: str = ""
    translated: bool = False

    @property
    def key(self) -> str:
        """The keyword in lower case, as entries have it."""
        return self.display.lower()

    @property
    def effect(self) -> Effect:
        """What becomes of it."""
        if self.refused or self.ignored:
            return Effect.REFUSED if self.refused else Effect.NO_EFFECT
        return Effect.TRANSLATED if self.translated else Effect.HONOURED

    @property
    def target(self) -> str:
        """The one key here that takes the value as it is read; empty where there is none."""
        return "" if "*" in self.to or "," in self.to else self.to

    @property
    def condition(self) -> tuple[str, str, str] | None:
        """The keyword that must have a value for this one to count, ``=`` or ``>``, the value."""
        found = _CONDITION.fullmatch(self.when)
        return None if found is None else (found[1], found[2], found[3])

    def value(self, entry: Entry) -> Any:
        """Returns what the entry means; ConfigError if it is wrong or refused."""
        if self.refused and (self.type == "text" or converter(self.type)(entry)):
            raise ConfigError(f"{entry.where} = {entry.shown.partition(' = ')[2]}: {self.refused}")
        return converter(self.type)(entry)

    def default_text(self, version: int) -> str:
        """Returns the table's words for what PANNA takes where the keyword is missing."""
        return self.first if self.first and version == 1 else self.default


def _load() -> tuple[Keyword, ...]:
    table = tomllib.loads(Path(__file__).with_name("keywords.toml").read_text("utf-8"))
    return tuple(
        Keyword(kind=kind, section=section, display=display, **row)
        for kind in KINDS
        for section, rows in table[kind].items()
        for display, row in rows.items()
    )


KEYWORDS = _load()
_BY_NAME = {(row.kind, row.section, row.key): row for row in KEYWORDS}
SECTIONS: dict[Kind, tuple[str, ...]] = {
    kind: tuple(
        dict.fromkeys(row.section for row in KEYWORDS if row.kind == kind if row.section != SPECIES)
    )
    for kind in KINDS
}


def find(kind: Kind, section: str, key: str) -> Keyword | None:
    """Returns the row of a key, None if there is none.

    Args:
        kind: Of the input.
        section: As in the file; a chemical symbol stands for the section of a species.
        key: In lower case.
    """
    name = section_of(kind, section)
    if name is None:
        return None
    if name == SPECIES and (match := _LAYER_FILE.fullmatch(key)):
        key = f"layern_{match[2]}_file"
    return _BY_NAME.get((kind, name, key))


def rows_of(kind: Kind, section: str) -> list[Keyword]:
    """Returns the rows of a section, named as in the file."""
    name = section_of(kind, section)
    return [row for row in KEYWORDS if (row.kind, row.section) == (kind, name)]


def section_of(kind: Kind, section: str) -> str | None:
    """Returns the section as the table names it, None if it is unknown."""
    if section in SECTIONS[kind]:
        return section
    return SPECIES if kind == "train" and section in SYMBOLS else None


def layer_of(key: str) -> int:
    """Returns N of ``layerN_w_file``."""
    match = _LAYER_FILE.fullmatch(key)
    assert match is not None
    return int(match[1])


def sections_with(kind: Kind, key: str) -> list[str]:
    """Returns the sections of a kind that have a key."""
    found = dict.fromkeys(row.section for row in KEYWORDS if (row.kind, row.key) == (kind, key))
    return ["H" if section == SPECIES else section for section in found]
