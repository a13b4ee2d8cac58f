"""The table of every keyword, and what looks things up in it."""

import re
from collections.abc import Iterable

from panna_exp.config.panna_ini import (
    keywords_data,
    keywords_optimisation,
    keywords_other,
    keywords_train,
)
from panna_exp.config.panna_ini.keywords import KINDS, SPECIES, Keyword, Kind
from panna_exp.elements import SYMBOLS

KEYWORDS: tuple[Keyword, ...] = (
    *keywords_train.rows(),
    *keywords_optimisation.rows(),
    *keywords_other.rows(),
    *keywords_data.rows(),
)

_LAYER_FILE = re.compile(r"layer(\d{1,3})_([wb])_file")
_TABLE = {(item.kind, item.section, item.key): item for item in KEYWORDS}
SECTIONS: dict[Kind, tuple[str, ...]] = {
    kind: tuple(
        dict.fromkeys(
            item.section for item in KEYWORDS if item.kind == kind if item.section != SPECIES
        )
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
    return _TABLE.get((kind, name, key))


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


def known_keys(kind: Kind, section: str) -> list[str]:
    """Returns the keys of a section as PANNA spells them."""
    name = section_of(kind, section)
    return [item.display for item in KEYWORDS if (item.kind, item.section) == (kind, name)]


def sections_with(kind: Kind, key: str) -> list[str]:
    """Returns the sections of a kind that have a key."""
    found = (item.section for item in KEYWORDS if (item.kind, item.key) == (kind, key))
    return ["H" if section == SPECIES else section for section in _once(found)]


def _once(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))
