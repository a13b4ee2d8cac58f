"""Where to compute: device and number of threads, by fixed rules, never by timing."""

import contextlib
import ctypes
import logging
import os
import re
from collections.abc import Iterator

import torch

from panna_exp.config.schema import CommonConfig, Device, Matmul
from panna_exp.errors import ConfigError, closest
from panna_exp.model.products import BF16, EXACT, TF32, Products

logger = logging.getLogger(__name__)

# Multiply-adds per step below which a second thread costs more than it brings: measured, threads
# wait for one another by spinning.
_WORK_PER_THREAD = 2e8
# From malloc.h; blocks up to the size are kept.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 1 << 28


def choose_device(config: CommonConfig) -> torch.device:
    """Returns the device; ConfigError if CUDA is asked for and there is none."""
    available = torch.cuda.is_available()
    if config.device is Device.cuda and not available:
        raise ConfigError(
            "device=cuda: this PyTorch finds no CUDA device: use device=cpu or auto, or install a "
            "CUDA build of torch (docs/how-to/troubleshooting.md)"
        )
    return torch.device("cuda" if available and config.device is not Device.cpu else "cpu")


def named_device(name: str) -> torch.device:
    """Returns ``cpu``, ``cuda`` or ``cuda:1``; ConfigError for another name, or without CUDA."""
    if re.fullmatch(r"cpu|cuda(:\d+)?", name) is None:
        raise ConfigError(f"device={name!r}: expected cpu or cuda{closest(name, ('cpu', 'cuda'))}")
    if name == "cpu":
        return torch.device(name)
    if not torch.cuda.is_available():
        raise ConfigError(
            f"device={name!r}: this PyTorch finds no CUDA device: use device='cpu', or install a "
            "CUDA build of torch (docs/how-to/troubleshooting.md)"
        )
    count = torch.cuda.device_count()
    if int(name.partition(":")[2] or 0) >= count:
        raise ConfigError(f"device={name!r}: there are {count} CUDA devices, counted from 0")
    return torch.device(name)


def choose_products(matmul: Matmul, device: torch.device) -> Products:
    """Returns how the steps multiply matrices; ConfigError if the device cannot do it so."""
    if matmul is Matmul.tf32 and device.type != "cuda":
        raise ConfigError(
            f"training.matmul=tf32: only GPUs have TF32, this training runs on {device}: leave it "
            "out, or measure the effect of bf16, which is imitated there"
        )
    if matmul is Matmul.bf16 and device.type != "cuda":
        logger.warning(
            "training.matmul=bf16 is imitated on %s, which costs time instead of saving it", device
        )
    return {Matmul.float32: EXACT, Matmul.tf32: TF32, Matmul.bf16: BF16}[matmul]


def choose_threads(
    config: CommonConfig, work: float, saved: int | None = None, processes: int = 1
) -> int:
    """Returns CPU threads: the user's, the checkpoint's, else by ``work``, multiply-adds per step.

    The last two are at most the part of the cores that each of several processes here has.
    """
    if config.threads is not None:
        if saved is not None and saved != config.threads:
            logger.warning(
                "threads=%d: the checkpoint was made with %d; results agree to round-off only",
                config.threads,
                saved,
            )
        return config.threads
    cores = max(1, (os.cpu_count() or 1) // processes)
    if saved is not None:
        return min(saved, cores) if processes > 1 else saved
    return int(min(cores, max(1, work // _WORK_PER_THREAD)))


def use_threads(number: int) -> None:
    """Sets the number of threads, and flushes denormal numbers, which Gaussian layers make."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(number)
    _keep_memory()


@contextlib.contextmanager
def torch_as_before() -> Iterator[None]:
    """Puts back what :func:`use_threads` changes in this process once the block is left."""
    threads = torch.get_num_threads()
    smallest = torch.full((1,), 5e-324, dtype=torch.float64)
    flushes = not bool(smallest * 1.0)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(flushes)


def _keep_memory() -> None:
    """Has glibc keep freed arrays for the next step instead of handing them to the system.

    Otherwise every step's larger arrays are mapped and cleared anew, some hundred page faults.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(_M_MMAP_THRESHOLD, _KEPT)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT)
