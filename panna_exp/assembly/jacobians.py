"""Where the derivatives of a data set's descriptors come from: files, or positions."""

import torch

from panna_exp.data.jacobians import JacobianSource, StoredJacobians
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.compute import operator_of
from panna_exp.descriptors.info import Descriptor
from panna_exp.errors import DataError


def jacobian_source(
    structures: StructureSet,
    descriptor: Descriptor,
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
    if descriptor.parameters is None:
        raise DataError(
            f"{structures.origins[0]}: forces need the formula of its {descriptor}: say "
            "data.generation=A, B or C and the parameters in 'descriptor'"
        )
    parameters = descriptor.parameters
    operator = operator_of(parameters, dtype, device, compiled=True, kernel=kernel)
    from panna_exp.descriptors.lists import NeighborLists  # which imports numba

    return NeighborLists(operator, structures)
