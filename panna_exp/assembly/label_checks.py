"""Whether forces and virials to be learned are there, and are what they are taken for."""

import logging
from dataclasses import replace

import numpy as np

from panna_exp.config.schema import DataConfig
from panna_exp.data import checks
from panna_exp.data.agreement import Agreement
from panna_exp.data.checks import ODD_STRESS
from panna_exp.data.stress_check import check_stress
from panna_exp.data.structures import Floats, StructureSet
from panna_exp.errors import DataError

logger = logging.getLogger(__name__)

_GO_ON = "if they are right, data.check_units=false goes on"


def check_virials(structures: StructureSet, data: DataConfig) -> None:
    """Looks at the virials of data to learn from.

    Args:
        structures: The data set.
        data: Whether doubts are an error (``check_units``).

    Raises:
        DataError: No structure has one, or unit or sign cannot be right.
    """
    if structures.virial is None:
        raise DataError(
            f"{structures.origins[0]}: has neither virial nor stress, which training.virial_cost > "
            "0 needs: data=ase reads them (stress in eV/angstrom^3, or virial in eV; "
            "data.stress_key and data.virial_key name them, data.stress_unit says the unit), and "
            "data=hdf5"
        )
    volume = np.abs(np.linalg.det(structures.cell))
    known = np.isfinite(structures.virial).all(axis=(1, 2)) & (volume > 0)
    logger.info("%d of %d structures have virials", known.sum(), len(known))
    stress = np.abs(structures.virial[known]).max(axis=(1, 2)) / volume[known]
    if not len(stress):
        return
    first = structures.origins[int(np.flatnonzero(known)[0])]
    if float(np.median(stress)) > ODD_STRESS:
        _doubt(
            f"{first}: the stresses of the data are {np.median(stress):.3g} eV/angstrom^3 (median) "
            f"= {np.median(stress) * 160.2:.0f} GPa: are they in GPa or kbar? They must be in "
            "eV/angstrom^3, or virials in eV: say data.stress_unit",
            data,
        )
    _agree(
        check_stress(structures),
        first,
        "stresses",
        "in ASE's sign stress = (1/V) dE/dstrain in eV/angstrom^3, and a virial is -stress x "
        "volume in eV: say data.stress_unit=GPa, kbar, ... (-GPa, -kbar for the opposite sign; "
        "convert: --stress-unit)",
        data,
    )


def check_forces(structures: StructureSet, purpose: str, data: DataConfig) -> None:
    """Looks at the forces of data to learn from; says how many structures lack them.

    Args:
        structures: The data set.
        purpose: What needs forces, for the message.
        data: Whether doubts are an error (``check_units``).

    Raises:
        DataError: No structure has any, or unit or sign cannot be right.
    """
    forces = structures.forces
    if forces is None or _of_single_atoms(structures, forces):
        hint = " (all of them exactly zero, see data.zero_forces)" if structures.zero_forces else ""
        raise DataError(f"{structures.origins[0]}: has no forces{hint}, which {purpose} needs")
    known = structures.known_forces > 0
    if not known.all():
        logger.info("%d of %d structures have forces", known.sum(), len(known))
    partial = structures.partial_forces
    if len(partial):
        atoms = (structures.num_atoms - structures.known_forces)[partial].sum()
        logger.info("%d structures have no forces on %d of their atoms", len(partial), atoms)
    found = checks.check_forces(replace(structures, descriptors=None, derivatives=None))
    _agree(
        None if found is None else found.agreement,
        structures.origins[int(np.flatnonzero(known)[0])],
        "forces",
        "expected are eV/angstrom and minus the energy's gradient: say data.forces_unit=Ha/bohr, "
        "... and data.forces_sign=-1 for gradients (convert: --forces-unit, --forces-sign)",
        data,
    )


def _agree(found: Agreement | None, origin: str, label: str, advice: str, data: DataConfig) -> None:
    if found is not None and not found.agrees:
        _doubt(
            f"{origin}: {found.mistake(label)} (slope {found.slope:.3g}, expected 1): {advice}",
            data,
        )


def _doubt(message: str, data: DataConfig) -> None:
    if data.check_units:
        raise DataError(f"{message}; {_GO_ON}")
    logger.warning("%s", message)


def _of_single_atoms(structures: StructureSet, forces: Floats) -> bool:
    """Whether only structures of one atom have forces, which are zero and teach nothing."""
    known = np.flatnonzero(~np.isnan(forces).any(axis=1))
    several = np.repeat(structures.num_atoms > 1, structures.num_atoms)
    return len(known) > 0 and not several[known].any()
