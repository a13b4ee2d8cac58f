"""What a training takes from checkpoints that its run directory already has."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from panna_exp.assembly.archive import archive, archive_later, find_archived
from panna_exp.assembly.datasets import RunData
from panna_exp.assembly.references import FIT, listed
from panna_exp.config.renamed import renamed_values
from panna_exp.config.schema import IoConfig, RestartMode, TrainConfig, TrainingConfig
from panna_exp.descriptors.info import Descriptor, difference
from panna_exp.errors import CheckpointError
from panna_exp.run_files import CHECKPOINTS
from panna_exp.training import checkpoint as checkpoints
from panna_exp.training.checkpoint import Checkpoint, Position

logger = logging.getLogger(__name__)

# Options that may change without making it another training.
_FREE = (
    *("io", "tracking", "sweep", "device", "threads", "execution", "descriptor_kernel"),
    *("training.max_epochs", "training.patience", "training.limit_seconds"),
    *("data.train", "data.validation", "data.test", "data.kind"),
    *("network.networks_metadata", "network.allow_new_species"),
)
# Options that say where a training begins, besides the mode.
_STARTS = (
    *("io.restart_checkpoint", "io.restart_epoch", "io.restart_step"),
    "network.networks_metadata",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Where a training starts.

    Args:
        checkpoint: What to continue from, or None to start with new networks.
        exact: Whether the order of batches and the running sums continue as well.
        messages: What was taken from where, for the log.
        epoch, step: Where to start counting, instead of the checkpoint's own.
        clear: Archives what another training left in the run directory and returns what to say;
            to be called once it is sure that this one can start, since it moves files.
    """

    checkpoint: Checkpoint | None = None
    exact: bool = False
    messages: list[str] = field(default_factory=list)
    epoch: int | None = None
    step: int | None = None
    clear: Callable[[], list[str]] = list


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
    folder = run_dir / CHECKPOINTS
    found = checkpoints.list_checkpoints(folder)
    mode = io.restart_mode
    if mode is RestartMode.specific_ckpt:
        last = checkpoints.load(found[-1]) if found else None
        if last is not None and _is_own(last, mode, config):
            return _from(last, config, stream, keep_stream=True)
        return _from_specific(io, run_dir, config, stream)
    if not found:
        return Restart()
    last = checkpoints.load(found[-1])
    if mode is RestartMode.metadata and not _is_own(last, mode, config):
        raise CheckpointError(
            f"{folder}: has checkpoints already, but restart_mode=metadata starts a new training: "
            "choose another io.train_dir"
        )
    if mode in (RestartMode.default, RestartMode.force_default) and _complete(last, config):
        if mode is RestartMode.force_default:
            return Restart(clear=lambda: [f"starting over: {archive(run_dir)}"])
        raise CheckpointError(
            f"{folder}: the training there is complete ({last.name}), restart_mode=default resumes "
            "only interrupted ones: use restart_mode=continue_from_last_ckpt with a larger "
            "training.max_epochs, force_default to start over, or another io.train_dir"
        )
    return _from(last, config, stream, keep_stream=mode is not RestartMode.continue_from_last_ckpt)


def _is_own(last: Checkpoint, mode: RestartMode, config: Mapping[str, Any]) -> bool:
    """Whether a checkpoint is of a training that began just where this one is to begin.

    The same command again then goes on with it, as in every other mode, instead of beginning anew.
    """
    old, new = flatten(last.config), flatten(config)
    same_mode = old.get("io.restart_mode") == mode.value
    return same_mode and all(old.get(key) == new.get(key) for key in _STARTS)


def _from_specific(
    io: IoConfig, run_dir: Path, config: Mapping[str, Any], stream: Mapping[str, Any]
) -> Restart:
    path = _specific(io, run_dir)
    checkpoint = checkpoints.load(path)
    restart = _from(checkpoint, config, stream, keep_stream=False)
    restart = replace(restart, epoch=io.restart_epoch, step=io.restart_step)
    position = checkpoint.position
    step = position.step if io.restart_step is None else io.restart_step
    epochs = io.restart_epoch
    if epochs is None:
        epochs = position.epoch_of(position.step, checkpoint.steps_per_epoch)
    if path.parent.resolve().parent == run_dir.resolve():
        return replace(restart, clear=lambda: archive_later(run_dir, step, epochs))
    if checkpoints.list_checkpoints(run_dir / CHECKPOINTS):
        return replace(restart, clear=lambda: [archive(run_dir)])
    return restart


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
        messages.append(f"the order of shuffled batches starts anew, {reason}")
    return Restart(checkpoint=checkpoint, exact=keep_stream and same_stream, messages=messages)


def next_position(restart: Restart, steps_per_epoch: int, panna_version: int = 2) -> Position:
    """Returns where to start counting, which may be with other epochs than before.

    Epochs of another length begin at the checkpoint; in PANNA 1.x, which trains to a number of
    steps, where they would have begun had they always been that long.
    """
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
        begun = position.step % steps_per_epoch if panna_version == 1 else 0
        position = replace(position, base_step=position.step - begun, base_epoch=epoch)
    return position


def changed_descriptor(old: Descriptor, new: Descriptor) -> list[str]:
    """Returns what differs between descriptors of one size, with both values.

    Networks of one descriptor mean nothing on another. Unknown ones may be the same.
    """
    if old.parameters is None or new.parameters is None or old.size != new.size:
        return []  # other sizes are named with the networks
    found = difference(old.parameters, new.parameters)
    return [f"descriptor: {item} (checkpoint and now)" for item in found]


def epochs_in_all(training: TrainingConfig, position: Position, steps_per_epoch: int) -> int:
    """Returns how many epochs to train to, as ``position`` counts them.

    ``max_epochs``; in PANNA 1.x, whose ``max_steps`` are that many epochs of this length, those
    that were made in epochs of another length count as steps.
    """
    if training.panna_version != 1:
        return training.max_epochs
    left = training.max_epochs * steps_per_epoch - position.base_step
    return position.base_epoch + max(0, left) // steps_per_epoch


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
    """Returns nested values by dotted key, of old records under today's names.

    Empty groups keep their key.
    """
    flat: dict[str, Any] = {}
    if not prefix:
        values = renamed_values(values, recorded=True)
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
    named = run_dir / CHECKPOINTS / f"{path.name.removesuffix('.pt')}.pt"
    archived = None if named.is_file() else find_archived(run_dir, path.name)
    if archived is not None:
        return archived
    try:
        return checkpoints.find_checkpoints(run_dir, path.name)[0]
    except CheckpointError as error:
        raise CheckpointError(
            f"io.restart_checkpoint={io.restart_checkpoint} (restart_file): no such file, with or "
            f"without .pt, and no checkpoint of this name: {error}"
        ) from None
