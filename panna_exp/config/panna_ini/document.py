"""The table of keywords as a page of the documentation."""

from panna_exp.config.panna_ini.keywords import KINDS, SPECIES, Keyword, Kind
from panna_exp.config.panna_ini.table import KEYWORDS, SECTIONS

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
from the program's own table by `tools/write_keyword_table.py`; a test keeps it so.

- **honoured**: does what it does in PANNA, through the key here.
- **deprecated, translated**: as PANNA 2.x translates it.
- **no effect here**: read and checked; the import says that it changes nothing, and why.
- **refused**: the import stops and gives the reason.

Unknown sections and keys stop the import, all of them at once with line numbers and the nearest
known name; `--skip-unknown` keeps them as comments. Inputs of PANNA's JAX code (LATTE) are refused.
Section names distinguish capitals, keys do not; `[X]` stands for the section of a species."""


def keyword_page() -> str:
    """Returns ``docs/panna-keywords.md``."""
    parts = [_INTRODUCTION]
    for kind in KINDS:
        parts.append(f"## {_TITLES[kind]}")
        sections = [*SECTIONS[kind], *([SPECIES] if kind == "train" else [])]
        for section in sections:
            rows = [item for item in KEYWORDS if (item.kind, item.section) == (kind, section)]
            parts.append(f"### [{'X' if section == SPECIES else section}]\n\n{_table(rows)}")
    return "\n\n".join(parts) + "\n"


def _table(rows: list[Keyword]) -> str:
    lines = ["| keyword | default | here | what becomes of it |", "| --- | --- | --- | --- |"]
    for item in rows:
        version = "" if item.only is None else f" ({item.only}.x)"
        target = ", ".join(f"`{key}`" for key in item.target.split(", ") if key)
        note = item.effect.value + (f": {item.note}" if item.note else "")
        lines.append(f"| `{item.display}`{version} | {item.default} | {target} | {_cell(note)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
