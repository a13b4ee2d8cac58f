"""Whatever ASE reads: extended XYZ, VASP, Quantum ESPRESSO, CP2K, its own trajectories and more.

ASE gives angstrom and eV; numbers in XYZ files are taken as they are. A lattice vector that is zero
or not periodic counts as none. The energy is ASE's ``energy`` (``free_energy`` only where it is
alone) and the forces its ``forces`` as the program wrote them, without what constraints do to them,
unless the user names others or the file has them by another program's name
(:mod:`panna_exp.readers.ase_keys`).

Security: ASE's own formats are text, JSON, SQLite or arrays of numbers. Those that it hands to
other packages, to a server or to a plugin, whose code may execute what a file says, are refused.
"""

import bz2
import gzip
import logging
import lzma
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.data.structures import Floats, Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers.ase_keys import Keys
from panna_exp.readers.ase_values import Values
from panna_exp.readers.extxyz_lines import check_lines, parsed_comment
from panna_exp.readers.options import ReadOptions, forces_factor, without_zero_forces
from panna_exp.units import any_energy_factor, any_length_factor, stress_factor

# Text of numbers is packed to a third or a tenth.
_MOST_TIMES, _HARMLESS = 100, 2**28
_BLOCK = 2**20
_OPENERS: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError)

logger = logging.getLogger(__name__)

# By suffix, whatever the content looks like.
_FORMATS = {".xyz": "extxyz", ".extxyz": "extxyz", ".traj": "traj", ".db": "db"}
# Read by other packages' code, a server, or a folder whose parts may be pickles.
REFUSED = ("gpw", "bundletrajectory", "mysql", "postgresql")


def read(path: Path, species: Species, options: ReadOptions | None = None) -> StructureSet:
    """Reads every structure of a file.

    Args:
        path: The file.
        species: The species list.
        options: Keys and units, see :class:`panna_exp.readers.options.ReadOptions`.

    Raises:
        DataError: Names file, structure (counted from 0) and cause.
    """
    chosen = options or ReadOptions()
    units = _Units.of(chosen, str(path))
    keys = Keys(
        energy=chosen.energy_key,
        forces=chosen.forces_key,
        stress=chosen.stress_key,
        virial=chosen.virial_key,
    )
    structures = []
    for values in read_values(path):
        virial = keys.virial_of(values, units.stress) if chosen.virials else None
        structures.append(_structure(values, virial, keys, species, units))
    if not structures:
        raise DataError(f"{path}: ASE finds no structures in it")
    keys.finish(str(path), chosen.virials)
    return without_zero_forces(StructureSet.from_structures(structures), chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Units:
    """Factors from the numbers of a file to eV, angstrom and eV/angstrom.

    Args:
        energy: Of energies and virials.
        length: Of positions and cells.
        forces: Of forces, with their sign.
        stress: Of stresses, to the file's own energy per volume.
    """

    energy: float
    length: float
    forces: float
    stress: float

    @classmethod
    def of(cls, options: ReadOptions, where: str) -> "_Units":
        length = any_length_factor(options.length_unit or "angstrom", where)
        energy = any_energy_factor(options.energy_unit or "eV", where)
        stress = 1.0
        if options.stress_unit is not None:
            stress = stress_factor(options.stress_unit, where) * length**3 / energy
        return cls(
            energy=energy,
            length=length,
            forces=forces_factor(options, energy, length, where),
            stress=stress,
        )


def _structure(
    values: Values, virial: Floats | None, keys: Keys, species: Species, units: _Units
) -> Structure:
    forces = keys.forces_of(values)
    if forces is not None and values.force_mask is not None:
        forces = np.where(values.force_mask[:, None], forces, np.nan)
    pbc = values.pbc & values.cell.any(axis=1)
    symbols = values.symbols
    known = {
        symbol: species.index(symbol, f"{values.origin}, atom {symbols.index(symbol)}")
        for symbol in dict.fromkeys(symbols)
    }
    return Structure(
        origin=values.origin,
        name=values.name,
        species=np.array([known[symbol] for symbol in symbols], dtype=np.int64),
        energy=keys.energy_of(values) * units.energy,
        positions=values.positions * units.length,
        cell=np.where(pbc[:, None], values.cell, 0.0) * units.length,
        pbc=pbc,
        forces=None if forces is None else forces * units.forces,
        virial=None if virial is None else virial * units.energy,
        config_type=values.config_type,
        weights=values.weights,
        trajectory=values.trajectory,
    ).check()


def read_values(path: Path) -> Iterator[Values]:
    """Yields structures; what goes wrong inside ASE is a DataError, its warnings go to the log."""
    messages: dict[str, None] = {}
    with _asking_ase(path, 0, messages):
        images = _open(path)
    index = 0
    while True:
        with _asking_ase(path, index, messages):
            atoms = next(images, None)
            if atoms is None:
                break
            values = Values.of(atoms, f"{path}, structure {index} (counted from 0)")
        yield values
        index += 1
    for text in messages:
        logger.warning("%s: ASE: %s", path, text)


def _open(path: Path) -> Iterator[Any]:
    from ase.io import iread

    if is_packed(path):
        check_unpacked(path)
    kind, how = _format(path), {}
    if kind == "extxyz":
        check_lines(path)
        how["properties_parser"] = parsed_comment
    images: Iterator[Any] = iread(str(path), ":", format=kind, do_not_split_by_at_sign=True, **how)
    return images


@contextmanager
def _asking_ase(path: Path, index: int, messages: dict[str, None]) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except DataError:
            raise
        except ImportError as error:
            missing = (error.name or str(error)).partition(".")[0]
            raise DataError(
                f"{path}: reading it needs the package {missing}, which is not installed: "
                f"pip install {missing}"
            ) from None
        except Exception as error:  # ASE's parsers raise anything for files they cannot read
            place = f"{path}, structure {index} (counted from 0)"
            raise DataError(f"{place}: ASE cannot read it ({_one_line(error)})") from None
    messages.update(dict.fromkeys(" ".join(str(item.message).split()) for item in caught))


def _format(path: Path) -> str:
    """Returns ASE's name of the format; refuses those that could execute what a file says."""
    from ase.io.formats import filetype, ioformats

    stem = path.with_suffix("") if is_packed(path) else path
    kind = _FORMATS.get(stem.suffix.lower()) or str(filetype(str(path)))
    if kind in REFUSED:
        raise DataError(
            f"{path}: is a '{kind}' file for ASE, a format that can hold more than data: refused; "
            "convert it to extended XYZ where you trust it (ase convert)"
        )
    if kind in ioformats and not ioformats[kind].module_name.startswith("ase.io."):
        raise DataError(
            f"{path}: a plugin of ASE's would read its format '{kind}': refused; convert it to "
            "extended XYZ (ase convert)"
        )
    return kind


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def is_packed(path: Path) -> bool:
    """Whether a file is packed, by its suffix."""
    return path.suffix.lower() in _OPENERS


def check_unpacked(path: Path) -> None:
    """Unpacks a file block by block, without keeping it.

    Raises:
        DataError: It is damaged, or far larger than its size allows.
        OSError: It cannot be opened.
    """
    most, size = max(_HARMLESS, _MOST_TIMES * path.stat().st_size), 0
    path.open("rb").close()
    try:
        with _OPENERS[path.suffix.lower()](path) as file:
            while block := file.read(_BLOCK):
                size += len(block)
                if size > most:
                    break
    except _DAMAGED as error:
        raise DataError(f"{path}: cannot be unpacked: it is damaged ({error})") from None
    if size > most:
        raise DataError(
            f"{path}: unpacks to more than {most / 1e6:.0f} MB, over {_MOST_TIMES} times its size, "
            "which no data do: refused"
        )
