"""Any descriptor from its parameters.

Shapes: S structures, A atoms, D components. Units: angstrom.
"""

import os
from collections.abc import Callable
from importlib.util import find_spec

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
from panna_exp.errors import ConfigError, closest

KERNELS = ("auto", "torch", "numba", "triton")
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
    kernel: str = "auto",
) -> MBP | BP:
    """Returns the descriptor of these parameters.

    Args:
        parameters: Of either type.
        dtype: float32 or float64.
        device: Where to compute.
        chunk: Triples to work on at a time; None: a good number.
        compiled: On a CPU use compiled loops where there are some (mBP): several times faster, but
            the first use of a new kind of descriptor compiles for some 10 seconds.
        kernel: The user's choice: torch, numba or triton; auto: as ``compiled`` says.

    Raises:
        ConfigError: The user's choice cannot be had.
    """
    device = torch.device(device)
    if kernel != "auto":
        check_kernel(kernel, parameters, device)
        compiled = kernel == "numba"
    if isinstance(parameters, MBPParameters):
        if kernel == "triton":
            from panna_exp.descriptors.triton_mbp import TritonMBP  # triton may not be there

            return TritonMBP(parameters, dtype, device)
        if compiled and device.type == "cpu":
            from panna_exp.descriptors.compiled import CompiledMBP  # numba takes time to import

            return CompiledMBP(parameters, dtype)
        return MBP(parameters, dtype, device, chunk)
    return BP(parameters, dtype, device, chunk)


def check_kernel(kernel: str, parameters: Parameters, device: torch.device) -> None:
    """Raises ConfigError if the user's kernel does not compute these descriptors there."""
    reason = None
    if kernel not in KERNELS:
        reason = f"expected one of {', '.join(KERNELS)}{closest(kernel, KERNELS)}"
    elif kernel in ("numba", "triton") and not isinstance(parameters, MBPParameters):
        reason = "BP is computed by operations of torch alone: use torch or auto"
    elif kernel == "numba" and device.type != "cpu":
        reason = f"numba compiles for a CPU, but this computes on {device}: use torch or triton"
    elif kernel == "triton" and find_spec("triton") is None:
        reason = "the package triton is not there: pip install 'panna-exp[gpu]', or use torch"
    elif kernel == "triton" and device.type != "cuda" and not _interpreted():
        reason = f"these run on a CUDA device, but this computes on {device}: use numba or auto"
    if reason is not None:
        raise ConfigError(f"descriptor_kernel={kernel}: {reason}")


def _interpreted() -> bool:
    """Whether Triton interprets kernels on the CPU, for tests."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def compute_descriptors(
    structures: StructureSet,
    parameters: Parameters,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    batch_atoms: int = BATCH_ATOMS,
    progress: Callable[[int, int], None] | None = None,
    kernel: str = "auto",
) -> NDArray[np.float32] | NDArray[np.float64]:
    """Computes the descriptors of all structures, some at a time.

    Args:
        structures: S structures with positions.
        parameters: The descriptor's parameters.
        dtype: float32 or float64, also of the result.
        device: Where to compute.
        batch_atoms: Atoms to work on at a time (a larger structure is one batch).
        progress: Called after each batch with the structures done and S.
        kernel: The user's choice, see :func:`operator_of`.

    Returns:
        [A, D], atoms in the order of ``structures``.

    Raises:
        ConfigError: The user's choice cannot be had.
        DataError: As :func:`panna_exp.descriptors.geometry.build_geometry`.
    """
    compiled = len(structures.species) > COMPILED_ATOMS
    operator = operator_of(parameters, dtype, device, compiled=compiled, kernel=kernel)
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
