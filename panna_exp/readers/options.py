"""What the user may say about data files that do not say it themselves."""

from dataclasses import dataclass, fields, replace

import numpy as np

from panna_exp.data.structures import StructureSet
from panna_exp.errors import DataError
from panna_exp.units import any_forces_factor

# These say what to read, not what it means.
_HOW_MUCH = ("derivatives", "sparse_derivatives", "virials")
_SPELLED = "(data.{key}, --{flag})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """Choices of the user, None where the format decides.

    Args:
        energy_key: Name of the total energies in the file.
        forces_key: Name of the forces in the file.
        stress_key: Name of the stresses in the file.
        virial_key: Name of the virials in the file.
        energy_unit: Of energies and virials; forces are in it per length unit.
        length_unit: Of positions and lattice vectors.
        forces_unit: Of forces, where they are in another one: ``Ha/bohr``.
        forces_sign: -1 where the file's numbers are gradients of the energy.
        stress_unit: Of stresses, where they are not in the energy's per volume: ``GPa``.
        zero_forces: ``missing``: forces of a structure that are all exactly zero count as missing;
            ``keep``: they are forces. None is ``missing``.
        derivatives: Read stored derivatives of descriptors, which take much memory, as well.
        sparse_derivatives: Keep them sparse (true) or dense (false); None: as the file has them.
        virials: Read virials or stresses as well.
    """

    energy_key: str | None = None
    forces_key: str | None = None
    stress_key: str | None = None
    virial_key: str | None = None
    energy_unit: str | None = None
    length_unit: str | None = None
    forces_unit: str | None = None
    forces_sign: int | None = None
    stress_unit: str | None = None
    zero_forces: str | None = None
    derivatives: bool = False
    sparse_derivatives: bool | None = None
    virials: bool = False

    def given(self) -> list[str]:
        """Returns the names of the choices that were made about what the numbers mean."""
        names = [item.name for item in fields(self) if item.name not in _HOW_MUCH]
        return [name for name in names if getattr(self, name) is not None]

    def refuse_others(self, takes: tuple[str, ...], where: str, kind: str) -> None:
        """Raises DataError for choices that the format has no use for."""
        for name in self.given():
            if name not in takes:
                raise DataError(
                    f"{where}: {name}={getattr(self, name)} {spelled(name)} has no meaning for "
                    f"{kind}: leave it out"
                )


def forces_factor(options: ReadOptions, energy: float, length: float, where: str) -> float:
    """Returns eV/angstrom for 1 in the forces of a file.

    Args:
        options: Their unit and sign, where the user says them.
        energy: eV per energy unit of the file.
        length: Angstrom per length unit of the file.
        where: File, for messages.

    Raises:
        DataError: An unknown unit.
    """
    own = energy / length
    if options.forces_unit is not None:
        own = any_forces_factor(options.forces_unit, where)
    return own * (1 if options.forces_sign is None else options.forces_sign)


def spelled(name: str) -> str:
    """Returns how the user writes an option: as a key and as a flag of convert."""
    return _SPELLED.format(key=name, flag=name.replace("_", "-"))


def without_zero_forces(structures: StructureSet, options: ReadOptions) -> StructureSet:
    """Returns the set less the forces of structures where all are exactly zero.

    A structure of one atom keeps them: the force on it is zero. Origins of the others are in
    ``zero_forces`` of the result; nothing happens with zero_forces=keep.
    """
    if structures.forces is None or options.zero_forces == "keep":
        return structures
    atoms = ~structures.forces.any(axis=1)  # NaN is not zero
    zero = np.logical_and.reduceat(atoms, structures.offsets[:-1])
    zero &= structures.num_atoms > 1
    if not zero.any():
        return structures
    forces = structures.forces.copy()
    forces[np.repeat(zero, structures.num_atoms)] = np.nan
    return replace(
        structures,
        forces=None if np.isnan(forces).all() else forces,
        zero_forces=tuple(structures.origins[int(index)] for index in np.flatnonzero(zero)),
    )


def chosen_unit(
    own: str | None, given: str | None, option: str, where: str, default: str | None = None
) -> str:
    """Returns the unit that a file says, else the user, else the format.

    Args:
        own: What the file says.
        given: What the user says.
        option: Name of the user's option.
        where: File, for messages.
        default: The format's.

    Raises:
        DataError: File and user say different things, or nobody says anything.
    """
    if own is not None and given is not None and own != given:
        raise DataError(
            f"{where}: says that its unit is {own!r}, but {option}={given} {spelled(option)}: "
            "leave it out"
        )
    unit = own or given or default
    if unit is None:
        raise DataError(
            f"{where}: does not say its unit: give {option} {spelled(option)}, e.g. kcal/mol or eV"
        )
    return unit
