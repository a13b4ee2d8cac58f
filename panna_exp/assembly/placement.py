"""Where the arrays of a data set live: on the device if they fit, else in main memory."""

import torch

from panna_exp.data.structures import StructureSet

# Part of a device's free memory that a data set may take: the rest is for the other data set, the
# networks, and what a step works out.
_PART = 0.5


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
