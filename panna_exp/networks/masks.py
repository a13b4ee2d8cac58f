"""Masks of pruned weights beside the weights: ``{species}_l{n}_mask.npy``, 1 where kept."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panna_exp.errors import NetworkError
from panna_exp.networks.sums import verify, write_listed

Mask = NDArray[np.bool_]


def file_name(symbol: str, layer: int) -> str:
    """Returns the name of a layer's file."""
    return f"{symbol}_l{layer}_mask.npy"


def write_masks(masks: Mapping[str, Mask], folder: Path) -> list[Path]:
    """Writes masks by parameter name (``H.0.weights``) into a folder; returns their paths.

    Raises:
        NetworkError: The folder cannot be written.
    """
    written = []
    for name, mask in masks.items():
        symbol, layer, _ = name.split(".")
        path = folder / file_name(symbol, int(layer))
        buffer = io.BytesIO()
        np.save(buffer, mask.astype(np.float32))
        try:
            write_listed(path, buffer.getvalue())
        except OSError as error:
            raise NetworkError(f"{path}: cannot be written: {error.strerror or error}") from None
        written.append(path)
    return written


def read_mask(folder: Path, symbol: str, layer: int, shape: tuple[int, ...]) -> Mask:
    """Reads one layer's mask.

    Raises:
        NetworkError: It is not there, damaged, of another shape, or has other values than 0 and 1.
    """
    path = folder / file_name(symbol, layer)
    verify(path)
    try:
        values = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise NetworkError(
            f"{path}: no such file; io.final_model_save and extract-weights write masks beside the "
            "weights of a pruned training"
        ) from None
    except (OSError, ValueError, EOFError) as error:
        raise NetworkError(f"{path}: is not a .npy file of numbers ({error})") from None
    if values.shape != shape:
        raise NetworkError(f"{path}: has the shape {values.shape}, but {shape} is needed")
    if not np.isin(values, (0, 1)).all():
        raise NetworkError(f"{path}: has other values than 0 (pruned) and 1 (kept)")
    mask: Mask = values.astype(bool)
    return mask
