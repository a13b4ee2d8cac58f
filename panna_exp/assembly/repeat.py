"""What a run's record says of repeating it, and how alike the repetition is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.assembly.restart import flatten, is_free
from panna_exp.errors import CheckpointError
from panna_exp.readers.files import sha256_of
from panna_exp.training import checkpoint as checkpoints
from panna_exp.training.checkpoint import Checkpoint

# Free for a run that continues, but not for one that is to end alike.
_ENDS = ("training.max_epochs",)
_SAMPLED = "sampled:"


def changed_settings(run_dir: Path, config: Mapping[str, Any]) -> list[str]:
    """Returns what was changed while the run was made, by its checkpoints: it cannot be repeated.

    Args:
        run_dir: The run directory.
        config: The run's last configuration, as nested plain values.
    """
    final = flatten(config)
    cosine = final.get("training.learning_rate_schedule") == "cosine"
    found: dict[str, str] = {}
    for path in checkpoints.list_checkpoints(run_dir / "_models"):
        checkpoint = checkpoints.load(path)
        earlier = flatten(checkpoint.config)
        for key, value in final.items():
            kept = is_free(key) and not (cosine and key in _ENDS)
            if not kept and earlier.get(key) != value:
                found[key] = f"{key} was {earlier.get(key)} up to {checkpoint.name}, then {value}"
    return list(found.values())


def changed_files(data: Mapping[str, Any], base: Path) -> list[str]:
    """Returns the data files that are no longer what the run read, with the cause.

    Args:
        data: ``data`` of environment.json.
        base: Folder that relative paths start from.
    """
    problems = []
    for part in ("train", "validation"):
        for file in (data.get(part) or {}).get("files", ()):
            path = base / file["path"]
            if not path.exists():
                problems.append(f"{path}: is not there any more")
            elif not file["sha256"].startswith(_SAMPLED) and sha256_of(path) != file["sha256"]:
                problems.append(f"{path}: has changed since the run")
    return list(dict.fromkeys(problems))


def changed_versions(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns which programs and machines differ, from two environment records."""
    first = {**before.get("packages", {}), **_facts(before)}
    second = {**now.get("packages", {}), **_facts(now)}
    return [
        f"{name}: {first.get(name)} then, {second[name]} now"
        for name in second
        if first.get(name) != second[name]
    ]


def _facts(environment: Mapping[str, Any]) -> dict[str, Any]:
    return {name: environment.get(name) for name in ("panna_exp", "python", "platform", "cpus")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How alike two trainings ended.

    Args:
        names: Of their last checkpoints.
        largest: Largest difference of a weight or bias, relative to the largest of its layer.
        where: The layer that has it.
        different: How many weights and biases differ in any bit.
        everything: How many there are.
    """

    names: tuple[str, str]
    largest: float
    where: str
    different: int
    everything: int

    @property
    def identical(self) -> bool:
        """Whether all weights are the same, bit for bit."""
        return self.names[0] == self.names[1] and self.different == 0


def likeness(first: Path, second: Path) -> Likeness:
    """Compares the last checkpoints of two run directories (CheckpointError without any)."""
    ends = [
        checkpoints.load(checkpoints.find_checkpoints(path, "last")[-1]) for path in (first, second)
    ]
    layers = [_layers(end) for end in ends]
    if layers[0].keys() != layers[1].keys():
        raise CheckpointError(f"{second}: has other layers than {first}: they cannot be compared")
    largest, where, different, everything = 0.0, "", 0, 0
    for name, left in layers[0].items():
        right = layers[1][name]
        everything += left.size
        different += int((left != right).sum())
        scale = float(np.abs(left).max()) or 1.0
        change = float(np.abs(left - right).max()) / scale
        if change > largest:
            largest, where = change, name
    return Likeness(
        names=(ends[0].name, ends[1].name),
        largest=largest,
        where=where,
        different=different,
        everything=everything,
    )


def _layers(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    networks: Sequence[Any] = checkpoint.networks
    return {
        f"{network.symbol}, layer {number}, {kind}": getattr(layer, kind)
        for network in networks
        for number, layer in enumerate(network.layers)
        for kind in ("weights", "biases")
    }
