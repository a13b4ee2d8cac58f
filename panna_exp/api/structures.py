"""Reading and converting data of any format that panna_exp knows."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from panna_exp.assembly.conversion import Source, read_any
from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.errors import ConfigError, closest
from panna_exp.readers import ReadOptions
from panna_exp.writers.parts import parts_of

if TYPE_CHECKING:
    from ase import Atoms

Paths = str | Path | Sequence[str | Path]
_OURS = ("derivatives", "sparse_derivatives", "virials")
_OPTIONS = [item.name for item in fields(ReadOptions) if item.name not in _OURS]


def read(
    paths: Paths,
    kind: str | None = None,
    species: Sequence[str] | None = None,
    **options: Any,
) -> "list[Atoms]":
    """Reads structures as ASE's Atoms; energies, forces and stresses are in their calculators.

    Args:
        paths: Files, folders or globs; ``builtin:tutorial_train.h5`` comes with panna_exp.
        kind: Their format, by default by suffix: ``ase``, ``hdf5``, ``npz``, ``example``, ...
        species: The species list, for formats that have indices instead of symbols.
        **options: Keys, units and signs as of ``panna-exp convert``: ``energy_key``,
            ``forces_key``, ``energy_unit``, ``length_unit``, ``forces_unit``, ``stress_key``, ...

    Returns:
        Positions and cells in angstrom, energies in eV, forces in eV/angstrom, stresses in
        eV/angstrom^3, ASE's sign.

    Raises:
        PannaExpError: Names file, record and cause; structures without positions.

    Examples:
        >>> structures = pe.read("builtin:tutorial_train.h5")
        >>> len(structures)
        720
        >>> structures[0].get_forces().shape == structures[0].positions.shape
        True
    """
    for name in options:
        if name not in _OPTIONS:
            raise ConfigError(
                f"read: no such option '{name}', expected {', '.join(_OPTIONS)}"
                f"{closest(name, _OPTIONS)}"
            )
    source = Source(
        paths=path_list(paths),
        kind=kind,
        species=None if species is None else Species.from_list(list(species)),
        options=ReadOptions(derivatives=False, virials=True, **options),
        base=Path.cwd(),
    )
    found = read_any(source)
    return _atoms(found.structures, found.species)


def convert(inputs: Paths, output: str | Path, **options: Any) -> Path:
    """Converts data from one format into another, as ``panna-exp convert`` does.

    Args:
        inputs: Files, folders or globs.
        output: What to write; its suffix says the format, or ``to``.
        **options: Those of the command, with underscores: ``energy_key="dft_energy"``,
            ``force=True``; ``from_`` names the format of the inputs.

    Returns:
        The output's path.

    Raises:
        PannaExpError: Names file, record and cause.

    Examples:
        >>> pe.convert("builtin:tutorial_validation.h5", "copy.xyz").name
        'copy.xyz'
    """
    from panna_exp.runs import conversion

    words: list[str] = []
    for name, value in options.items():
        flag = f"--{name.rstrip('_').replace('_', '-')}"
        if value is not False and value is not None:
            words += [flag] if value is True else [flag, str(value)]
    return conversion.convert([*words, *path_list(inputs), str(output)])


def path_list(paths: Paths) -> list[str]:
    """Returns one path, or several, as text."""
    return [str(paths)] if isinstance(paths, str | Path) else [str(path) for path in paths]


def _atoms(structures: StructureSet, species: Species) -> "list[Atoms]":
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.stress import full_3x3_to_voigt_6_stress

    found = []
    for part in parts_of(structures, species):
        atoms = Atoms(part.symbols, positions=part.positions, cell=part.cell, pbc=part.pbc)
        values: dict[str, Any] = {"energy": part.energy}
        if part.forces is not None:
            values["forces"] = part.forces
        if part.virial is not None and part.pbc.all():
            stress = -part.virial / abs(np.linalg.det(part.cell))
            values["stress"] = full_3x3_to_voigt_6_stress(stress)
        atoms.calc = SinglePointCalculator(atoms, **values)
        atoms.info["name"] = part.name
        found.append(atoms)
    return found
