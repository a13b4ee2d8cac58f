"""What a run's record says of repeating it, and how alike the repetition is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.assembly.datasets import as_paths, reader_kind
from panna_exp.assembly.restart import flatten, is_free
from panna_exp.config.schema import DataConfig
from panna_exp.errors import CheckpointError, DataError
from panna_exp.readers.files import sha256_of
from panna_exp.readers.open import files_named
from panna_exp.run_files import CHECKPOINTS
from panna_exp.training import checkpoint as checkpoints
from panna_exp.training.checkpoint import Checkpoint

# Free for a run that continues, but not for one that is to end alike.
_ENDS = ("training.max_epochs",)
_SAMPLED = "sampled:"
_SHA256_DIGITS, _HASH_DIGITS = 64, 12


def changed_settings(run_dir: Path, config: Mapping[str, Any]) -> list[str]:
    """Returns what was changed while the run was made, by its checkpoints: it cannot be repeated.

    Args:
        run_dir: The run directory.
        config: The run's last configuration, as nested plain values.
    """
    final = flatten(config)
    cosine = final.get("training.learning_rate_schedule") == "cosine"
    found: dict[str, str] = {}
    for path in checkpoints.list_checkpoints(run_dir / CHECKPOINTS):
        checkpoint = checkpoints.load(path)
        earlier = flatten(checkpoint.config)
        for key, value in final.items():
            kept = is_free(key) and not (cosine and key in _ENDS)
            if not kept and earlier.get(key) != value:
                found[key] = f"{key} was {earlier.get(key)} up to {checkpoint.name}, then {value}"
    return list(found.values())


def changed_files(recorded: Mapping[str, str], base: Path) -> list[str]:
    """Returns the files that are no longer what the run read, with the cause.

    Args:
        recorded: Checksums by path.
        base: Folder that relative paths start from.
    """
    problems = []
    for name, checksum in recorded.items():
        path = base / name
        if not path.exists():
            problems.append(f"{path}: is not there any more")
        elif not checksum.startswith(_SAMPLED) and sha256_of(path) != checksum:
            problems.append(f"{path}: has changed since the run")
    return problems


def added_files(config: DataConfig, recorded: Mapping[str, Sequence[str]], base: Path) -> list[str]:
    """Returns the data files that the options name now and that the run did not read.

    Args:
        config: The run's options of data.
        recorded: Paths of ``train`` and ``validation`` data, as in the record.
        base: Folder that relative paths start from.
    """
    problems = []
    for part, known in recorded.items():
        paths = getattr(config, part)
        if paths is None:
            continue  # a part of the training data
        try:
            found = files_named(as_paths(paths), reader_kind(config), base)
        except DataError as error:
            problems.append(str(error))
            continue
        read = {base / path for path in known}
        problems += [
            f"{path}: is new, the run did not read it (data.{part})"
            for path, _ in found
            if path not in read
        ]
    return problems


def changed_versions(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns which programs, machines and devices differ, from two environment records."""
    first = {**before.get("packages", {}), **_facts(before)}
    second = {**now.get("packages", {}), **_facts(now)}
    return [
        f"{_FACTS.get(name, name)}: {_shown(first.get(name))} then, {_shown(second[name])} now"
        for name in second
        if first.get(name) != second[name]
    ]


# What is compared besides packages, and what it is called.
_FACTS = {
    **{name: name for name in ("panna_exp", "python", "platform", "cpus", "device")},
    "source_sha256": "panna_exp's source files (sha256)",
}


def _facts(environment: Mapping[str, Any]) -> dict[str, Any]:
    return {name: environment.get(name) for name in _FACTS}


def _shown(value: Any) -> str:
    text = "unknown" if value is None else str(value)
    return text[:_HASH_DIGITS] if len(text) == _SHA256_DIGITS else text


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
        f"{network.symbol}, layer {index}, {kind}": getattr(layer, kind)
        for network in networks
        for index, layer in enumerate(network.layers)
        for kind in ("weights", "biases")
    }
