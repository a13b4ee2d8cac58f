"""The lines of XYZ files, looked at before ASE builds arrays from what they say."""

import re
from pathlib import Path
from typing import Any

from panna_exp.errors import DataError

# More than any program writes per atom; a damaged number may be thirty thousand million.
_MOST_COLUMNS = 10_000
_PROPERTIES = re.compile(r"\bProperties\s*=\s*[\"'{\[]?([^\s\"'}\]]+)")
# ASE takes these as nine numbers alone.
_SIX = re.compile(r"\b(stress|virial)(\s*=\s*)([\"'{\[])([^\"'}\]]*)([\"'}\]])")


def check_lines(path: Path) -> None:
    """Raises DataError where ASE would end early and leave structures out, as at a blank line."""
    from ase.io.formats import open_with_compression

    with open_with_compression(str(path)) as file:
        number = 0
        ends = 0  # line after the last structure
        blank = None
        for number, line in enumerate(file, start=1):
            if number <= ends or line.lstrip().startswith("VEC"):  # lattice vectors of plain XYZ
                continue
            if not line.strip():
                blank = blank or number
                continue
            if blank is not None:
                raise DataError(
                    f"{path}, line {blank}: is blank, but structures follow: remove the blank lines"
                )
            if not line.strip().isdecimal():
                raise DataError(
                    f"{path}, line {number}: is {line.strip()[:60]!r}, expected the number of "
                    "atoms of the next structure"
                )
            ends = number + 1 + int(line)
    if ends > number:
        raise DataError(f"{path}: the file ends {ends - number} lines too early: it is truncated")


def parsed_comment(line: str) -> dict[str, Any]:
    """Returns what the second line of a structure says, as ASE parses it.

    Stresses and virials may be Voigt's six numbers (xx, yy, zz, yz, xz, xy).

    Raises:
        ValueError: More columns than an atom can have.
    """
    from ase.io.extxyz import key_val_str_to_dict

    for columns in _PROPERTIES.findall(line):
        counts = [int(item) for item in columns.split(":")[2::3] if item.isdecimal()]
        if sum(counts) > _MOST_COLUMNS:
            raise ValueError(
                f"Properties has {sum(counts)} columns per atom, expected at most {_MOST_COLUMNS}"
            )
    values: dict[str, Any] = key_val_str_to_dict(_SIX.sub(_nine, line))
    return values


def _nine(found: re.Match[str]) -> str:
    numbers = found[4].replace(",", " ").split()
    if len(numbers) != 6:
        return found[0]
    xx, yy, zz, yz, xz, xy = numbers
    matrix = " ".join((xx, xy, xz, xy, yy, yz, xz, yz, zz))
    return f'{found[1]}{found[2]}"{matrix}"'
