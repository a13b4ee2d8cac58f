"""Checkpoints: everything needed to go on as if a training had never stopped.

Files are ``_models/epoch_{E}_step_{S}.pt``; E is the epoch that step S belongs to, from 1. They
hold tensors and plain values only and end with a checksum (see ``checkpoint_file``).
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from panna_exp.data.ranges import Ranges
from panna_exp.descriptors.repulsion import Repulsion
from panna_exp.errors import CheckpointError, NetworkError, closest
from panna_exp.networks.layers import NetworkData
from panna_exp.networks.standardization import Standardization
from panna_exp.run_files import CHECKPOINTS
from panna_exp.training.checkpoint_file import is_whole, read_state, write_state
from panna_exp.training.checkpoint_state import (
    check_state,
    pack_network,
    pack_ranges,
    pack_repulsion,
    pack_standardization,
    unpack_network,
    unpack_ranges,
    unpack_repulsion,
    unpack_standardization,
)

FORMAT = "panna_exp checkpoint"
FORMAT_VERSION = 1
_NETWORKS = ("networks", "averaged")
BEST = "best"
AUTO = "auto"  # the best one where the run kept one, else the last
_NAME = re.compile(r"epoch_(\d+)_step_(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a training stands.

    Args:
        step: Updates made.
        base_step: Step from which epochs are counted with the present steps_per_epoch.
        base_epoch: Epochs finished at ``base_step``.
        stream_start: Step at which the present order of batches began.
    """

    step: int = 0
    base_step: int = 0
    base_epoch: int = 0
    stream_start: int = 0

    def epoch_of(self, step: int, steps_per_epoch: int) -> int:
        """Returns the epoch, from 1, that ``step`` updates belong to."""
        return max(1, self.base_epoch + -(-(step - self.base_step) // steps_per_epoch))

    def last_step(self, max_epochs: int, steps_per_epoch: int) -> int:
        """Returns the step at which ``max_epochs`` epochs are complete."""
        return self.base_step + max(0, max_epochs - self.base_epoch) * steps_per_epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """State of a training.

    Args:
        position: Step and epoch.
        steps_per_epoch: Of the run that wrote it.
        networks: One per species, in the order of the species list.
        descriptor: What the descriptors are (type, generation, parameters or size).
        energy_rescale: Factor on the energies that the networks learn.
        optimizer: State of Adam by parameter name.
        epoch_sums: Sums of errors since the last epoch end.
        interval_sums: Sums of errors since the last logged point.
        stream: What the order of batches depends on: seed, batch size, data fingerprint.
        config: The resolved configuration as nested plain values.
        threads: CPU threads that computed it.
        versions: Programs that wrote it.
        train: Training metrics of the last epoch.
        validation: Validation metrics of the last epoch end.
        masks: Of pruned weights by parameter name, true where kept.
        ranges: Of the descriptors in the training set; None in older checkpoints.
        averaged: The networks with averaged weights, none where they are not averaged.
        watch: What was seen of the errors of epoch ends (training.early_stopping).
        execution: How the steps were executed; older checkpoints are all eager.
        standardization: Of the networks' inputs, None where they take descriptors as they are.
        repulsion: What the potential adds at short distances, None for nothing.
    """

    position: Position
    steps_per_epoch: int
    networks: tuple[NetworkData, ...]
    descriptor: dict[str, Any]
    energy_rescale: float
    optimizer: dict[str, Any]
    epoch_sums: Tensor
    interval_sums: Tensor
    stream: dict[str, Any]
    config: dict[str, Any]
    threads: int
    versions: dict[str, str]
    train: dict[str, float]
    validation: dict[str, float]
    masks: dict[str, Tensor] = field(default_factory=dict)
    ranges: Ranges | None = None
    averaged: tuple[NetworkData, ...] = ()
    watch: dict[str, float] = field(default_factory=dict)
    execution: str = "eager"
    standardization: Standardization | None = None
    repulsion: Repulsion | None = None

    @property
    def evaluated(self) -> tuple[NetworkData, ...]:
        """The networks to use, of plain descriptors; with averaged weights if there are any."""
        networks = self.averaged or self.networks
        return networks if self.standardization is None else self.standardization.folded(networks)

    @property
    def name(self) -> str:
        """``epoch_{E}_step_{S}``."""
        step = self.position.step
        epoch = self.position.epoch_of(step, self.steps_per_epoch)
        return f"epoch_{epoch}_step_{step}"

    @property
    def symbols(self) -> tuple[str, ...]:
        """The species list."""
        return tuple(network.symbol for network in self.networks)


def save(checkpoint: Checkpoint, folder: Path, name: str | None = None) -> Path:
    """Writes the checkpoint into ``folder`` and returns its path; raises OSError if it cannot."""
    path = folder / f"{name or checkpoint.name}.pt"
    position = checkpoint.position
    state = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "position": {name: getattr(position, name) for name in Position.__slots__},
        "ranges": pack_ranges(checkpoint.ranges),
        "standardization": pack_standardization(checkpoint.standardization),
        "repulsion": pack_repulsion(checkpoint.repulsion),
        **{
            kind: [pack_network(network) for network in getattr(checkpoint, kind)]
            for kind in _NETWORKS
        },
    } | {
        name: getattr(checkpoint, name)
        for name in Checkpoint.__slots__
        if name not in ("position", "ranges", "standardization", "repulsion", *_NETWORKS)
    }
    write_state(path, state)
    return path


def load(path: Path) -> Checkpoint:
    """Reads a checkpoint.

    Raises:
        CheckpointError: The file is damaged, of another version, or no checkpoint; the one before
            it is named where there is one.
    """
    try:
        return _from_state(path, read_state(path))
    except CheckpointError as error:
        earlier = _earlier(path)
        if earlier is None:
            raise
        raise CheckpointError(
            f"{error}; the checkpoint {earlier.stem} is whole: checkpoint={earlier.stem} chooses "
            f"it, and a training goes on from it where {path.name} was moved away"
        ) from None


def _from_state(path: Path, state: dict[str, Any]) -> Checkpoint:
    if state.get("format") != FORMAT:
        raise CheckpointError(f"{path}: is not a checkpoint of panna_exp")
    if state.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: has checkpoint format {state.get('format_version')}, this program reads "
            f"{FORMAT_VERSION}: use the panna_exp version that wrote it ({state.get('versions')})"
        )
    try:
        check_state(state)
        fields = {name: state[name] for name in Checkpoint.__slots__ if name in state}
        fields["position"] = Position(**state["position"])
        fields["ranges"] = unpack_ranges(state.get("ranges"))
        fields["standardization"] = unpack_standardization(state.get("standardization"))
        fields["repulsion"] = unpack_repulsion(state.get("repulsion"))
        for kind in _NETWORKS:
            fields[kind] = tuple(unpack_network(item) for item in state.get(kind, ()))
        return Checkpoint(**fields)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, NetworkError) as error:
        raise CheckpointError(f"{path}: is damaged: {error}") from None


def _earlier(path: Path) -> Path | None:
    """Returns the last whole checkpoint before one that cannot be read, in the same folder."""
    found = list_checkpoints(path.parent)
    before = [item for item in found if path.stem == BEST or step_of(item) < step_of(path)]
    return next((item for item in reversed(before) if is_whole(item)), None)


def step_of(path: Path) -> int:
    """Returns the step in a checkpoint's name, -1 if it is not one."""
    match = _NAME.fullmatch(path.stem)
    return int(match[2]) if match else -1


def list_checkpoints(folder: Path) -> list[Path]:
    """Returns the checkpoints in a ``_models`` folder by step."""
    found = [path for path in folder.glob("epoch_*_step_*.pt") if step_of(path) >= 0]
    return sorted(found, key=step_of)


def find_checkpoints(run_dir: Path, which: str) -> list[Path]:
    """Returns the checkpoints that a user's word stands for.

    Args:
        run_dir: The run directory.
        which: ``auto`` (the best where the run kept one, which needs validation data, else the
            last), ``best``, ``last``, ``all``, a name or ``step_N``.

    Raises:
        CheckpointError: There is none, or no such name.
    """
    folder = run_dir / CHECKPOINTS
    if not run_dir.is_dir():
        raise CheckpointError(f"run_dir={run_dir}: no such directory")
    found = list_checkpoints(folder)
    if not found:
        raise CheckpointError(f"{run_dir}: has no checkpoints in _models: was it trained?")
    if which == AUTO:
        best = folder / f"{BEST}.pt"
        return [best] if best.exists() else found[-1:]
    if which == "last":
        return found[-1:]
    if which == "all":
        return found
    if which == BEST:
        return [_best(run_dir)]
    names = [path.stem for path in found]
    if (of_step := re.fullmatch(r"(?:step_)?(\d+)", which)) is not None:
        return [_of_step(int(of_step[1]), found, run_dir)]
    if which.removesuffix(".pt") in names:
        return [found[names.index(which.removesuffix(".pt"))]]
    held = names[0] if len(names) == 1 else f"{len(names)} of them, {names[0]} to {names[-1]}"
    raise CheckpointError(
        f"checkpoint={which}: {run_dir} has no such checkpoint"
        f"{closest(which, [AUTO, 'last', BEST, 'all', *names])}: it has {held}; auto, last, best "
        "and all are allowed too"
    )


def _best(run_dir: Path) -> Path:
    path = run_dir / CHECKPOINTS / f"{BEST}.pt"
    if not path.exists():
        raise CheckpointError(
            f"checkpoint=best: {run_dir} has none: it was trained without io.keep_best or without "
            "validation data; choose checkpoint=last"
        )
    return path


def _of_step(step: int, found: list[Path], run_dir: Path) -> Path:
    steps = [step_of(path) for path in found]
    if step in steps:
        return found[steps.index(step)]
    nearest = min(steps, key=lambda other: abs(other - step))
    raise CheckpointError(
        f"step {step}: {run_dir} has no checkpoint of it, the nearest is of step {nearest} "
        f"(it has {len(steps)}, of steps {steps[0]} to {steps[-1]}); io.save_checkpoint_steps says "
        "when they are saved"
    )


def prune(folder: Path, keep: int) -> None:
    """Deletes the oldest checkpoints beyond ``keep``."""
    for path in list_checkpoints(folder)[:-keep]:
        path.unlink(missing_ok=True)
