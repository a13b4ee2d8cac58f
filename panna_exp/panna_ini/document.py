"""The table of keywords as a page of the documentation."""

import re

from panna_exp.panna_ini.keywords import KEYWORDS, KINDS, SECTIONS, SPECIES, Keyword, Kind

_TITLES: dict[Kind, str] = {
    "train": "Training (`panna-exp train`, `panna-train`)",
    "validation": "Validation (`panna-exp evaluate`, `panna-evaluate`)",
    "extract": "Weight extraction (`panna-exp extract-weights`, `panna-extract-weights`)",
    "descriptors": "Descriptors (`panna-exp descriptors`, `panna-gvect-calculator`)",
    "packing": "Packing (`panna-exp pack`, `panna-tfr-packer`)",
}
_INTRODUCTION = """\
# PANNA's keywords

What `panna-exp import-ini` and PANNA's own commands make of every keyword of an INI file. Written
from the program's own table, `panna_exp/panna_ini/keywords.toml`, by
`tools/write_keyword_table.py`; a test keeps it so.

- **honoured**: does what it does in PANNA, through the key here.
- **deprecated, translated**: as PANNA 2.x translates it.
- **no effect here**: read and checked; the import says that it changes nothing, and why.
- **refused**: the import stops and gives the reason.

Unknown sections and keys stop the import, all of them at once with line numbers and the nearest
known name; `--skip-unknown` keeps them as comments. Inputs of PANNA's JAX code (LATTE) are refused.
Section names distinguish capitals, keys do not; `[X]` stands for the section of a species."""


def keyword_page() -> str:
    """Returns ``docs/reference/panna-keywords.md``."""
    parts = [_INTRODUCTION]
    for kind in KINDS:
        parts.append(f"## {_TITLES[kind]}")
        for section in [*SECTIONS[kind], *([SPECIES] if kind == "train" else [])]:
            rows = [row for row in KEYWORDS if (row.kind, row.section) == (kind, section)]
            parts.append(f"### [{'X' if section == SPECIES else section}]\n\n{_table(rows)}")
    return "\n\n".join(parts) + "\n"


def _table(rows: list[Keyword]) -> str:
    titles = ("keyword", "values", "default", "here", "what becomes of it")
    lines = [f"| {' | '.join(titles)} |", f"| {' | '.join(['---'] * len(titles))} |"]
    for row in rows:
        version = "" if row.only is None else f" ({row.only}.x)"
        keys = ", ".join(f"`{key}`" for key in row.to.split(", ") if key)
        name = f"`{row.display}`{version}"
        cells = (name, _values(row), _default(row), keys, _fate(row).replace("|", "\\|"))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _values(row: Keyword) -> str:
    """The type's words, those of messages where it has some."""
    if row.refused and row.type == "text":
        return ""
    words = row.type.rpartition(": ")[2]
    return re.sub(r"=\w+", "", words) if " of " in words else words


def _default(row: Keyword) -> str:
    text = row.shown or row.default.lstrip("=")
    return f"{text}; 1.x: {row.first}" if row.first else text


def _fate(row: Keyword) -> str:
    """What becomes of it, and how."""
    how = [
        f"with {row.when}" * bool(row.when),
        "required" * bool(row.required),
        row.note or row.ignored or row.refused,
        "BP: not read" * (not row.bp),
    ]
    return ": ".join([row.effect.value, *(["; ".join(filter(None, how))] if any(how) else [])])
