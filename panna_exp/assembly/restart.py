"""What a training takes from checkpoints that its run directory already has."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from panna_exp.assembly.datasets import RunData
from panna_exp.assembly.references import FIT, listed
from panna_exp.config.schema import IoConfig, RestartMode, TrainConfig
from panna_exp.errors import CheckpointError
from panna_exp.tracking import earlier
from panna_exp.training import checkpoint as checkpoints
from panna_exp.training import weight_record
from panna_exp.training.checkpoint import Checkpoint, Position

logger = logging.getLogger(__name__)

# Options that may change without making it another training.
_FREE = (
    *("io", "tracking", "sweep", "device", "threads", "execution", "descriptor_kernel"),
    *("training.max_epochs", "training.patience", "training.limit_seconds"),
    *("data.train", "data.validation", "data.test", "data.kind"),
    *("network.networks_metadata", "network.allow_new_species"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Where a training starts.

    Args:
        checkpoint: What to continue from, or None to start with new networks.
        exact: Whether the stream of batches and the running sums continue as well.
        messages: What was taken from where, for the log.
        epoch, step: Where to start counting, instead of the checkpoint's own.
    """

    checkpoint: Checkpoint | None = None
    exact: bool = False
    messages: list[str] = field(default_factory=list)
    epoch: int | None = None
    step: int | None = None


def find_restart(
    io: IoConfig, run_dir: Path, config: Mapping[str, Any], stream: Mapping[str, Any]
) -> Restart:
    """Decides by io.restart_mode and by what is in ``run_dir/_models``.

    Args:
        io: Options.
        run_dir: The run directory, which may not exist yet.
        config: The resolved configuration as nested plain values.
        stream: What the present order of batches depends on.

    Raises:
        CheckpointError: The mode asks for what is not there, or refuses what is.
    """
    folder = run_dir / "_models"
    found = checkpoints.list_checkpoints(folder)
    mode = io.restart_mode
    if mode is RestartMode.specific_ckpt:
        restart = _from(checkpoints.load(_specific(io, run_dir)), config, stream, keep_stream=False)
        return replace(restart, epoch=io.restart_epoch, step=io.restart_step)
    if not found:
        return Restart()
    if mode is RestartMode.metadata:
        raise CheckpointError(
            f"{folder}: has checkpoints already, but restart_mode=metadata starts a new training: "
            "choose another io.train_dir"
        )
    last = checkpoints.load(found[-1])
    if mode in (RestartMode.default, RestartMode.force_default) and _complete(last, config):
        if mode is RestartMode.force_default:
            return Restart(messages=[f"starting over: {_set_aside(run_dir)}"])
        raise CheckpointError(
            f"{folder}: the training there is complete ({last.name}), restart_mode=default resumes "
            "only interrupted ones: use restart_mode=continue_from_last_ckpt with a larger "
            "training.max_epochs, force_default to start over, or another io.train_dir"
        )
    return _from(last, config, stream, keep_stream=mode is not RestartMode.continue_from_last_ckpt)


def _from(
    checkpoint: Checkpoint,
    config: Mapping[str, Any],
    stream: Mapping[str, Any],
    keep_stream: bool,
) -> Restart:
    old, new = flatten(checkpoint.config), flatten(config)
    changed = [key for key in new if not is_free(key) and old.get(key) != new[key]]
    messages = [f"continuing from {checkpoint.name}: networks, Adam's moments, step and epoch"]
    messages += [f"{key}: {old.get(key)} in the checkpoint, taking {new[key]}" for key in changed]
    same_stream = dict(stream) == checkpoint.stream
    if not (keep_stream and same_stream):
        reason = "its settings or data changed" if not same_stream else "as restart_mode asks"
        messages.append(f"the stream of shuffled batches starts anew, {reason}")
    return Restart(checkpoint=checkpoint, exact=keep_stream and same_stream, messages=messages)


def next_position(restart: Restart, steps_per_epoch: int) -> Position:
    """Returns where to start counting, which may be with other epochs than before."""
    checkpoint = restart.checkpoint
    if checkpoint is None:
        return Position()
    position = checkpoint.position
    epoch = position.epoch_of(position.step, checkpoint.steps_per_epoch)
    if restart.epoch is not None or restart.step is not None:
        step = position.step if restart.step is None else restart.step
        finished = epoch if restart.epoch is None else restart.epoch
        return Position(step=step, base_step=step, base_epoch=finished, stream_start=step)
    if not restart.exact:
        position = replace(position, stream_start=position.step)
    if steps_per_epoch != checkpoint.steps_per_epoch:
        position = replace(position, base_step=position.step, base_epoch=epoch)
    return position


def continued_data(config: TrainConfig, data: RunData, restart: Restart) -> RunData:
    """Returns the data with the checkpoint's reference energies where they are fitted ones.

    The networks learned what these left; a fit to other data, or elsewhere, may differ.
    """
    if restart.checkpoint is None or config.data.reference_energies != FIT:
        return data
    saved = {network.symbol: network.offset for network in restart.checkpoint.networks}
    if list(saved) != list(data.species):
        return data  # refused with the networks
    offsets = tuple(saved.values())
    if offsets != data.offsets:
        shown = listed(data.species, offsets)
        logger.info("reference energies are those of %s: %s eV", restart.checkpoint.name, shown)
    return data.with_offsets(offsets, config.training.panna_version)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested values by dotted key; empty groups keep their key."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def is_free(key: str) -> bool:
    """Tells whether an option may change without making it another training."""
    return any(key == free or key.startswith(f"{free}.") for free in _FREE)


def _complete(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
    position = checkpoint.position
    last = position.last_step(config["training"]["max_epochs"], checkpoint.steps_per_epoch)
    return position.step >= last


def _specific(io: IoConfig, run_dir: Path) -> Path:
    assert io.restart_checkpoint is not None
    path = Path(io.restart_checkpoint).expanduser()
    for candidate in (path, path.with_name(f"{path.name}.pt")):
        if candidate.is_file():
            return candidate
    return checkpoints.find_checkpoints(run_dir, path.name)[0]


def _set_aside(run_dir: Path) -> str:
    """Renames what an earlier training left, so that nothing is lost."""
    number = 1
    while (run_dir / f"_models_{number}").exists():
        number += 1
    moved = []
    for name in ("_models", "metrics.dat", weight_record.NAME):
        path = run_dir / name
        if path.exists():
            path.rename(path.with_name(f"{path.stem}_{number}{path.suffix}"))
            moved.append(f"{path.stem}_{number}{path.suffix}")
    if earlier.set_aside(run_dir, f"tracking_{number}"):
        moved.append(f"tracking_{number}")
    return f"the earlier training is kept as {', '.join(moved)}"
