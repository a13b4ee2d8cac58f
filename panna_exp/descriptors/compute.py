"""Any descriptor from its parameters.

Shapes: S structures, A atoms, D components. Units: angstrom.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.bp import BP
from panna_exp.descriptors.info import Parameters
from panna_exp.descriptors.mbp import MBP
from panna_exp.descriptors.operator import Operator
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.descriptors.rows import chunks

BATCH_ATOMS = 4_096
# From here on compiled loops save more time than their import and perhaps compilation take.
COMPILED_ATOMS = 200_000


def operator_of(
    parameters: Parameters,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    chunk: int | None = None,
    *,
    compiled: bool = False,
) -> MBP | BP:
    """Returns the descriptor of these parameters.

    Args:
        parameters: Of either type.
        dtype: float32 or float64.
        device: Where to compute.
        chunk: Triples to work on at a time; None: a good number.
        compiled: On a CPU use compiled loops where there are some (mBP): several times faster, but
            the first use of a new kind of descriptor compiles for some 10 seconds.
    """
    if isinstance(parameters, MBPParameters):
        if compiled and torch.device(device).type == "cpu":
            from panna_exp.descriptors.compiled import CompiledMBP  # numba takes time to import

            return CompiledMBP(parameters, dtype)
        return MBP(parameters, dtype, device, chunk)
    return BP(parameters, dtype, device, chunk)


def compute_descriptors(
    structures: StructureSet,
    parameters: Parameters,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    batch_atoms: int = BATCH_ATOMS,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32] | NDArray[np.float64]:
    """Computes the descriptors of all structures, some at a time.

    Args:
        structures: S structures with positions.
        parameters: The descriptor's parameters.
        dtype: float32 or float64, also of the result.
        device: Where to compute.
        batch_atoms: Atoms to work on at a time (a larger structure is one batch).
        progress: Called after each batch with the structures done and S.

    Returns:
        [A, D], atoms in the order of ``structures``.

    Raises:
        DataError: As :func:`panna_exp.descriptors.geometry.build_geometry`.
    """
    compiled = len(structures.species) > COMPILED_ATOMS
    operator = operator_of(parameters, dtype, device, compiled=compiled)
    return descriptors_of(structures, operator, batch_atoms, progress)


def descriptors_of(
    structures: StructureSet,
    operator: Operator,
    batch_atoms: int = BATCH_ATOMS,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32] | NDArray[np.float64]:
    """Computes as :func:`compute_descriptors`, with an operator in its precision."""
    dtype = np.float32 if operator.dtype == torch.float32 else np.float64
    result = np.empty((len(structures.species), operator.size), dtype)
    for some, _ in chunks(structures.offsets, batch_atoms):
        batch = structures.select(np.arange(some.start, some.stop))
        atoms = slice(structures.offsets[some.start], structures.offsets[some.stop])
        result[atoms] = operator.compute(operator.geometry(batch)).cpu().numpy()
        if progress is not None:
            progress(some.stop, len(structures))
    return result
