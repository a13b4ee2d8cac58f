"""Data sets as trainings and evaluations take them: on the device, all of it or by windows.

Where their arrays live follows from sizes, derivatives come from files or from positions.
"""

from typing import Any

import numpy as np
import torch

from panna_exp.assembly.datasets import DataPart, RunData
from panna_exp.assembly.label_checks import check_forces, check_virials
from panna_exp.config.schema import TrainConfig
from panna_exp.data.batch import BatchSource, PackedData
from panna_exp.data.host_memory import HostMemoryData
from panna_exp.data.jacobians import JacobianSource, StoredJacobians
from panna_exp.data.order import BatchOrder
from panna_exp.data.streamed import StreamedData
from panna_exp.data.structures import Floats, Ints, StructureSet
from panna_exp.data.windows import WindowedOrder
from panna_exp.descriptors.compute import operator_of
from panna_exp.descriptors.info import Descriptor
from panna_exp.errors import DataError

# Part of a device's free memory that a data set may take: the rest is for the other data set, the
# networks, and what a step works out.
_PART = 0.5


def batch_source(
    part: DataPart,
    num_species: int,
    dtype: torch.dtype,
    device: torch.device,
    *,
    forces: Descriptor | None = None,
    strain: bool = False,
    rescale: float = 1.0,
    order: WindowedOrder | None = None,
    kernel: str = "auto",
) -> BatchSource:
    """Puts a data set on the device if it fits there, or has it read or sent as it is needed.

    Args:
        part: The data set.
        num_species: T.
        dtype: Precision of the network.
        device: Where batches live.
        forces: What the descriptors are, where batches need forces.
        strain: Whether derivatives by strain are needed.
        rescale: Factor on energies and forces to learn.
        order: Of a training on data that are read piece by piece.
        kernel: What computes forces from positions: descriptor_kernel.

    Raises:
        DataError: Forces are needed, and nothing says how descriptors depend on positions.
        ConfigError: The kernel cannot be had.
    """

    def packed(structures: StructureSet, targets: Floats) -> PackedData | HostMemoryData:
        size = size_of(structures, dtype, derivatives=forces is not None)
        place = placement_of(size if part.stream is None else 2 * size, device)  # two windows
        jacobians = None
        if forces is not None:
            is_stored = structures.derivatives is not None and not strain
            where = place if is_stored else device
            jacobians = jacobian_source(structures, forces, dtype, where, strain, kernel)
        scaled = targets * rescale
        data = PackedData(structures, scaled, num_species, dtype, place, jacobians, rescale)
        return data if place == device else HostMemoryData(data, device)

    if part.stream is None:
        return packed(part.structures, part.targets)
    stream = part.stream

    def load(indices: Ints) -> PackedData | HostMemoryData:
        return packed(stream.read(indices), part.targets[indices])

    if forces is not None:  # what is missing is missed before the training starts
        jacobian_source(stream.sample, forces, dtype, device, strain, kernel)
    targets = torch.from_numpy(part.targets * rescale)
    return StreamedData(
        load,
        stream.window(),
        targets.to(device, dtype),
        torch.from_numpy(np.asarray(part.structures.num_atoms)).to(device, dtype),
        forces is not None,
        order,
    )


def batch_order(config: TrainConfig, data: RunData) -> BatchOrder | WindowedOrder:
    """Returns the order of a training's batches."""
    training, stream = config.training, data.train.stream
    size = len(data.train.structures)
    if stream is None:
        return BatchOrder(size, training.batch_size, config.seed, training.shuffle)
    return WindowedOrder(
        size,
        training.batch_size,
        config.seed,
        training.shuffle,
        stream.window(),
        stream.block(),
    )


def order_settings(config: TrainConfig, data: RunData) -> dict[str, Any]:
    """Returns what the order of batches depends on."""
    stream = data.train.stream
    windows = {} if stream is None else {"window": stream.window(), "block": stream.block()}
    return {
        **windows,
        "seed": config.seed,
        "batch_size": config.training.batch_size,
        "shuffle": config.training.shuffle,
        "fingerprint": data.train.fingerprint,
    }


def pack(
    part: DataPart,
    data: RunData,
    config: TrainConfig,
    dtype: torch.dtype,
    device: torch.device,
    order: BatchOrder | WindowedOrder | None = None,
) -> BatchSource:
    """Puts a data set on the device, with targets as the network sees them.

    Raises:
        DataError: Forces are to be learned, and there are none, or nothing to predict them with.
    """
    forces = config.training.forces_cost > 0
    strain = forces and config.training.virial_cost > 0
    if forces:
        check_forces(part.sample, "training.forces_cost > 0", config.data)
    if strain:
        check_virials(part.sample, config.data)
    return batch_source(
        part,
        len(data.species),
        dtype,
        device,
        forces=data.descriptor if forces else None,
        strain=strain,
        rescale=config.training.energy_rescale,
        order=order if isinstance(order, WindowedOrder) else None,
        kernel=config.descriptor_kernel.value,
    )


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


def placement_of(num_bytes: float, device: torch.device, free: int | None = None) -> torch.device:
    """Returns ``device`` if ``num_bytes`` fit into half of its free memory, otherwise the CPU.

    Args:
        num_bytes: Of the data set.
        device: Where to compute.
        free: Bytes free on it; None: asks the device. Of no meaning for a CPU.
    """
    if device.type == "cpu":
        return device
    if free is None:
        free, _ = torch.cuda.mem_get_info(device)
    return device if num_bytes <= _PART * free else torch.device("cpu")


def size_of(structures: StructureSet, dtype: torch.dtype, derivatives: bool) -> int:
    """Returns the bytes that a data set takes on a device.

    Args:
        structures: With descriptors.
        dtype: Precision of the network.
        derivatives: Whether its stored derivatives, if it has any, are needed.
    """
    assert structures.descriptors is not None
    size = structures.descriptors.size * dtype.itemsize
    stored = structures.derivatives
    if derivatives and stored is not None:
        size += stored.values.size * dtype.itemsize
        if stored.rows is not None and stored.columns is not None:
            size += stored.rows.nbytes + stored.columns.nbytes
    return size
