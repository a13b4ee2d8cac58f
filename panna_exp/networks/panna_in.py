"""The text file of a LAMMPS potential (``panna.in``): its lines, its keys, how it is written.

``!key = value`` lines come first, then ``[GVECT_PARAMETERS]``, a section per species; the order
of keys and sections is free when read, and the one PANNA's plugin needs when written.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panna_exp.errors import NetworkError, closest
from panna_exp.networks.descriptor import COUNTS, LISTS, SCALARS
from panna_exp.networks.layers import Activation
from panna_exp.networks.sums import verify

_HEADER = "GVECT_PARAMETERS"
# The order matters to the plugin: it makes the centres when it meets RsN, from Rc and Rs0.
_ORDER = {0: SCALARS, 1: (*COUNTS, "Rc_rad", "Rc_ang", *LISTS)}
_OPTIONAL = ("Rsst_rad", "Rsst_ang")
_LENGTH_OF = {
    "eta_rad": "RsN_rad",
    "Rs_rad": "RsN_rad",
    "eta_ang": "RsN_ang",
    "Rs_ang": "RsN_ang",
    "zeta": "ThetasN",
    "Thetas": "ThetasN",
}

Line = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesSection:
    """One species' section: sizes and activations of its layers, and the file of its weights."""

    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PannaIn:
    """A whole file.

    Args:
        gversion: 0 for scalar keys, 1 for lists.
        parameters: Descriptor parameters under PANNA's keys (angstrom, radians).
        networks: By symbol, in the order of ``species``.
    """

    gversion: int
    parameters: dict[str, Any]
    networks: dict[str, SpeciesSection]


def parse_panna_in(path: Path) -> PannaIn:
    """Reads a ``panna.in``.

    Raises:
        NetworkError: The file cannot be read, or a line, key, number or section is wrong or
            missing; names the line where there is one.
    """
    sections = _sections(path)
    gversion = _gversion(sections.pop("", {}), path)
    if _HEADER not in sections:
        raise NetworkError(
            f"{path}: the section [{_HEADER}] is missing{closest(_HEADER, sections)}"
        )
    header = sections.pop(_HEADER)
    known = ("Nspecies", "species", *_ORDER[gversion])
    _check_keys(header, known, _OPTIONAL, f"{path}: [{_HEADER}]")
    species = _strings(header["species"])
    count = _number(header["Nspecies"], int, f"{path}: Nspecies")
    if count != len(species) or len(set(species)) != len(species):
        raise NetworkError(
            f"{path}: line {header['species'][1]}: species = {','.join(species)} are not "
            f"Nspecies = {count} different symbols"
        )
    extra = [name for name in sections if name not in species]
    missing = [name for name in species if name not in sections]
    if extra or missing:
        wrong = f"[{missing[0]}] is missing" if missing else f"[{extra[0]}] is not one of these"
        raise NetworkError(f"{path}: species = {','.join(species)}, but the section {wrong}")
    return PannaIn(
        gversion=gversion,
        parameters=_parameters(header, _ORDER[gversion], path),
        networks={name: _species_section(name, sections[name], path) for name in species},
    )


def format_panna_in(content: PannaIn) -> str:
    """Returns the text, keys in the order that the plugin needs, a newline at the very end."""
    lines = ["!version = v1", "!gversion = 1"] if content.gversion == 1 else []
    lines += [f"[{_HEADER}]", f"Nspecies = {len(content.networks)}"]
    lines += [f"species = {','.join(content.networks)}"]
    for key in _ORDER[content.gversion]:
        if key in content.parameters:
            lines.append(f"{key} = {_format_value(key, content.parameters[key])}")
    for symbol, section in content.networks.items():
        lines += [
            "",
            f"[{symbol}]",
            f"Nlayers = {len(section.sizes)}",
            f"sizes = {','.join(map(str, section.sizes))}",
            f"file = {section.file}",
            f"activations = {','.join(str(int(item)) for item in section.activations)}",
        ]
    return "\n".join(lines) + "\n"


def _format_value(key: str, value: Any) -> str:
    if key in COUNTS:
        return str(int(value))
    if not isinstance(value, list | tuple):
        return repr(float(value))
    # The plugin reads zeta of the list form as integers.
    whole = key == "zeta" and all(float(item).is_integer() for item in value)
    return "[" + ",".join(str(int(v)) if whole else repr(float(v)) for v in value) + "]"


def _sections(path: Path) -> dict[str, dict[str, Line]]:
    try:
        verify(path)
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NetworkError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise NetworkError(f"{path}: cannot be read as text: {error}") from None
    sections: dict[str, dict[str, Line]] = {"": {}}
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if match := re.fullmatch(r"\[\s*([^\[\]]*?)\s*\]", line):
            current = match[1]
            if current in sections:
                raise NetworkError(f"{path}: line {number}: a second section [{current}]")
            sections[current] = {}
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or (current == "") != key.startswith("!"):
            raise NetworkError(
                f"{path}: line {number}: '{line:.60}' is neither [section] nor key = value"
            )
        if key in sections[current]:
            raise NetworkError(f"{path}: line {number}: '{key}' for the second time")
        sections[current][key] = (value, number)
    return sections


def _gversion(header: dict[str, Line], path: Path) -> int:
    _check_keys(header, ("!version", "!gversion"), ("!version", "!gversion"), f"{path}: header")
    line = header.get("!gversion", ("0", 0))
    gversion: int = _number(line, int, f"{path}: !gversion")
    if gversion not in _ORDER:
        raise NetworkError(f"{path}: line {line[1]}: !gversion is {gversion}, expected 0 or 1")
    return gversion


def _check_keys(
    section: dict[str, Line], known: tuple[str, ...], optional: tuple[str, ...], where: str
) -> None:
    for key, (_, number) in section.items():
        if key not in known:
            raise NetworkError(f"{where}: line {number}: unknown key '{key}'{closest(key, known)}")
    missing = [key for key in known if key not in section and key not in optional]
    if missing:
        raise NetworkError(f"{where}: missing: {', '.join(missing)}")


def _parameters(header: dict[str, Line], keys: tuple[str, ...], path: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key in keys:
        if key not in header:
            continue
        text, number = header[key]
        where = f"{path}: {key}"
        if "Rs_rad" in keys and key in LISTS:
            inner = text.removeprefix("[").removesuffix("]")
            values[key] = [_number((item, number), float, where) for item in inner.split(",")]
            expected = values[_LENGTH_OF[key]]
            if len(values[key]) != expected:
                raise NetworkError(
                    f"{where}: line {number}: {len(values[key])} values, but "
                    f"{_LENGTH_OF[key]} is {expected}"
                )
        else:
            values[key] = _number(header[key], int if key in COUNTS else float, where)
    return values


def _species_section(symbol: str, section: dict[str, Line], path: Path) -> SpeciesSection:
    where = f"{path}: [{symbol}]"
    _check_keys(section, ("Nlayers", "sizes", "file", "activations"), (), where)
    count = _number(section["Nlayers"], int, f"{where} Nlayers")
    lists = {}
    for key in ("sizes", "activations"):
        text, number = section[key]
        lists[key] = [_number((v, number), int, f"{where} {key}") for v in text.split(",")]
        if len(lists[key]) != count:
            raise NetworkError(
                f"{where}: line {number}: {len(lists[key])} {key}, but Nlayers is {count}"
            )
    if min(lists["sizes"]) < 1:
        raise NetworkError(f"{where}: sizes {lists['sizes']} must be above 0")
    return SpeciesSection(
        sizes=tuple(lists["sizes"]),
        activations=tuple(Activation.parse(code, where) for code in lists["activations"]),
        file=section["file"][0],
    )


def _strings(line: Line) -> list[str]:
    return [item.strip() for item in line[0].split(",")]


def _number(line: Line, kind: type, where: str) -> Any:
    text, number = line
    try:
        return kind(text)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise NetworkError(f"{where}: line {number}: '{text:.40}' is not {expected}") from None
