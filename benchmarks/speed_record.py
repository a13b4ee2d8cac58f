"""Numbers of ``python -m benchmarks``, kept, and the page that is written from them.

    python -m benchmarks.speed_record

writes the tables of docs/reference/speed.md from benchmarks/speed.json.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import shown
from panna_exp.files import write_text_atomic

RECORD = Path(__file__).with_name("speed.json")
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "speed.md"
TITLES = {
    "steps": "Training steps",
    "programs": "Whole commands",
    "inference": "Evaluation",
    "lammps": "Dynamics in LAMMPS",
    "scaling": "Growth",
}
_BEGIN, _END = "<!-- from benchmarks/speed.json -->\n", "<!-- until here -->\n"


def add(path: Path, parts: Mapping[str, Sequence[Mapping[str, Any]]], machine: str) -> None:
    """Keeps parts in a file, beside those of earlier measurements.

    Args:
        path: The file.
        parts: Measurements by part, see :class:`benchmarks.measure.Measurement`.
        machine: What they were measured on.
    """
    record = json.loads(path.read_text()) if path.exists() else {"measured": {}, "parts": {}}
    when = {"date": datetime.now(UTC).date().isoformat(), "machine": machine}
    record["measured"] |= dict.fromkeys(parts, when)
    record["parts"] |= parts
    write_text_atomic(path, json.dumps(record, indent=1) + "\n")


def with_tables(page: str, record: Mapping[str, Any]) -> str:
    """Returns a page, what is between its two marks written from a record."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    parts = [part for part in TITLES if part in record["parts"]]
    tables = [_table(part, record["parts"][part], record["measured"][part]) for part in parts]
    return "".join([before, _BEGIN, *tables, "\n", _END, after])


def _table(part: str, found: Sequence[Mapping[str, Any]], measured: Mapping[str, str]) -> str:
    lines = [
        f"\n## {TITLES[part]}\n",
        f"Measured {measured['date']} on: {measured['machine']}.\n",
        "| | | | bare | |",
        "| --- | ---: | --- | ---: | --- |",
    ]
    for one in found:
        bare = "" if one["bare"] is None else f"{one['bare']:.2f}"
        cells = (one["name"], shown(one["value"]), one["unit"], bare, one["note"])
        lines.append("".join(f"| {cell} " if cell else "| " for cell in cells) + "|")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write_text_atomic(PAGE, with_tables(PAGE.read_text(), json.loads(RECORD.read_text())))
    print(f"wrote {PAGE}")
