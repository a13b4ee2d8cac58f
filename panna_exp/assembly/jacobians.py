"""Where the derivatives of a data set's descriptors come from: files, or positions."""

import logging

import numpy as np
import torch

from panna_exp.assembly.descriptor import Info, describe
from panna_exp.data.checks import ODD_STRESS
from panna_exp.data.jacobians import JacobianSource, StoredJacobians
from panna_exp.data.stress_check import check_stress
from panna_exp.data.structures import Floats, StructureSet
from panna_exp.descriptors.compute import operator_of
from panna_exp.descriptors.info import parameters_from_info
from panna_exp.descriptors.lists import NeighborLists
from panna_exp.errors import DataError

logger = logging.getLogger(__name__)


def jacobian_source(
    structures: StructureSet,
    descriptor: Info,
    dtype: torch.dtype,
    device: torch.device,
    strain: bool = False,
    kernel: str = "auto",
) -> JacobianSource:
    """Returns stored derivatives, or those computed from positions batch by batch.

    Args:
        structures: With descriptors.
        descriptor: What they are.
        dtype: Precision of the network.
        device: Where to compute.
        strain: Whether derivatives by strain are needed, which are not stored.
        kernel: What computes from positions: descriptor_kernel.

    Raises:
        DataError: There are neither derivatives nor positions, or nothing says which descriptor to
            differentiate.
        ConfigError: The kernel cannot be had.
    """
    assert structures.descriptors is not None
    size = structures.descriptors.shape[1]
    if structures.derivatives is not None and not strain:
        return StoredJacobians(structures.derivatives, structures.num_atoms, size, dtype, device)
    if structures.positions is None and strain:
        raise DataError(
            f"{structures.origins[0]}: virials need positions, which it does not have: set "
            "training.virial_cost=0 or use data with positions"
        )
    if structures.positions is None:
        raise DataError(
            f"{structures.origins[0]}: has neither derivatives of the descriptors nor positions, "
            "which forces need: use data with one of them (panna-exp descriptors derivatives="
            "sparse makes the former), or leave forces out"
        )
    if descriptor["type"] == "unknown":
        raise DataError(
            f"{structures.origins[0]}: forces need the formula of its {describe(descriptor)}: say "
            "data.generation=A, B or C and the parameters in 'descriptor'"
        )
    parameters = parameters_from_info(descriptor)
    operator = operator_of(parameters, dtype, device, compiled=True, kernel=kernel)
    return NeighborLists(operator, structures)


def check_virials(structures: StructureSet) -> None:
    """Raises DataError if no structure has a virial, or if unit or sign cannot be right."""
    if structures.virial is None:
        raise DataError(
            f"{structures.origins[0]}: has neither virial nor stress, which training.virial_cost > "
            "0 needs: data=ase reads them (stress in eV/angstrom^3, or virial in eV), and data=hdf5"
        )
    volume = np.abs(np.linalg.det(structures.cell))
    known = np.isfinite(structures.virial).all(axis=(1, 2)) & (volume > 0)
    logger.info("%d of %d structures have virials", known.sum(), len(known))
    stress = np.abs(structures.virial[known]).max(axis=(1, 2)) / volume[known]
    if len(stress) and float(np.median(stress)) > ODD_STRESS:
        first = structures.origins[int(np.flatnonzero(known)[0])]
        raise DataError(
            f"{first}: the stresses of the data are {np.median(stress):.3g} eV/angstrom^3 (median) "
            f"= {np.median(stress) * 160.2:.0f} GPa: are they in GPa or kbar? They must be in "
            "eV/angstrom^3, or virials in eV"
        )
    check = check_stress(structures)
    if check is not None and check.wrong_sign:
        first = structures.origins[int(np.flatnonzero(known)[0])]
        raise DataError(
            f"{first}: the stresses of the data have the wrong sign: where they say that energies "
            f"fall, these rise (slope {check.slope:.2f} over {check.num_pairs} consecutive "
            "structures, expected 1): in ASE's sign stress = (1/V) dE/dstrain, and a virial is "
            "-stress x volume"
        )


def check_forces(structures: StructureSet, purpose: str) -> None:
    """Raises DataError if no structure has forces; says how many lack them.

    Args:
        structures: The data set.
        purpose: What needs forces, for the message.
    """
    forces = structures.forces
    if forces is None or _of_single_atoms(structures, forces):
        hint = " (all of them exactly zero, see data.zero_forces)" if structures.zero_forces else ""
        raise DataError(f"{structures.origins[0]}: has no forces{hint}, which {purpose} needs")
    known = ~np.logical_or.reduceat(np.isnan(forces).any(axis=1), structures.offsets[:-1])
    if not known.all():
        logger.info("%d of %d structures have forces", known.sum(), len(known))


def _of_single_atoms(structures: StructureSet, forces: Floats) -> bool:
    """Whether only structures of one atom have forces, which are zero and teach nothing."""
    known = np.flatnonzero(~np.isnan(forces).any(axis=1))
    several = np.repeat(structures.num_atoms > 1, structures.num_atoms)
    return len(known) > 0 and not several[known].any()
