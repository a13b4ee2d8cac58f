"""The files besides data that a training starts from: weights, layers, masks, a checkpoint."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from panna_exp.config.schema import RestartMode, TrainConfig
from panna_exp.config.species import parse_network
from panna_exp.files import read_json
from panna_exp.networks import lammps, metadata
from panna_exp.readers.files import sha256_of
from panna_exp.reporting.data_files import STARTING

_INDICES = (metadata.FILE_NAME, lammps.FILE_NAME)


def starting_files(config: TrainConfig, base: Path) -> list[dict[str, str]]:
    """Returns path and checksum of each, for the run's record.

    Args:
        config: Validated.
        base: Folder that relative paths start from.
    """
    paths = dict.fromkeys(path for named in _named(config, base) for path in _files(named))
    return [{"path": str(path), "sha256": sha256_of(path)} for path in paths]


def recorded_files(record: Path) -> Any | None:
    """Returns what the environment record of an earlier session has, None without one.

    A training that continues starts from its own checkpoint: what its first session read counts.
    """
    try:
        return read_json(record).get(STARTING)
    except (OSError, ValueError, AttributeError):
        return None  # no record yet, or no sound one: it is written anew


def _named(config: TrainConfig, base: Path) -> Iterator[Path]:
    """Yields the files and folders that the configuration names."""
    if config.network.networks_metadata is not None:
        yield base / Path(config.network.networks_metadata).expanduser()
    default, overrides = parse_network(config.network, tuple(config.data.species or ()))
    for spec in (default, *overrides.values()):
        for pair in spec.layer_files.values():
            yield from (base / Path(name).expanduser() for name in pair)
        for folder in (spec.starting_masks, spec.pruning_weights):
            if folder is not None:
                yield base / folder
    if config.io.restart_mode is RestartMode.specific_ckpt and config.io.restart_checkpoint:
        path = Path(config.io.restart_checkpoint).expanduser().absolute()
        yield from (path, path.with_name(f"{path.name}.pt"))


def _files(path: Path) -> list[Path]:
    """Returns the files of a folder of networks or masks, or the file itself if it is there."""
    if path.name == metadata.FILE_NAME:
        path = path.parent
    if path.is_dir():
        found = [path / name for name in _INDICES if (path / name).is_file()]
        return [*found, *sorted(path.glob("*.npy"))]
    return [path] if path.is_file() else []
