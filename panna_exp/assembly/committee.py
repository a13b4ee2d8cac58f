"""Committees: potentials of one recipe and different seeds, whose spread says how sure they are.

``training.seeds=[0,1,2]`` leaves ``RUN_DIR/seed_0``, ... and ``committee.json``, which names them;
a sweep over seeds is one as well.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import yaml

from panna_exp.assembly.restart import flatten
from panna_exp.assembly.saved import SavedPotential, SpreadScale, from_checkpoint, from_folder
from panna_exp.errors import DataError
from panna_exp.files import read_json, write_text_atomic
from panna_exp.run_files import CHECKPOINTS, COMMITTEE, CONFIG, JOB
from panna_exp.training.checkpoint import AUTO, find_checkpoints

_FORMAT = 1
_SCALE = "spread_scale"
# What may differ between the jobs of a sweep that are members of one committee.
_FREE = ("seed", "io", "tracking", "sweep")


def write_record(
    folder: Path,
    members: Sequence[str],
    more: Mapping[str, Any],
    scale: SpreadScale | None = None,
) -> Path:
    """Writes ``committee.json``; returns its path.

    Args:
        folder: Of the committee.
        members: Names of folders in it.
        more: Other facts, e.g. the seeds.
        scale: Of the spreads, where they are calibrated.
    """
    record = {"format": _FORMAT, "members": list(members), **more}
    if scale is not None:
        record[_SCALE] = asdict(scale)
    write_text_atomic(folder / COMMITTEE, json.dumps(record, indent=1) + "\n")
    return folder / COMMITTEE


def members_of(folder: Path) -> list[Path] | None:
    """Returns the folders of a committee's members; None for a folder that is not a committee.

    Raises:
        DataError: A damaged record, or a sweep whose jobs differ in more than their seed.
    """
    if (folder / CHECKPOINTS).is_dir():
        return None
    if (folder / COMMITTEE).exists():
        return [folder / name for name in _members(folder / COMMITTEE)]
    jobs = sorted(path.parent for path in folder.glob(f"*/{JOB}"))
    if not jobs:
        return None
    committees = [job for job in jobs if (job / COMMITTEE).exists()]
    if committees:
        raise DataError(
            f"{folder}: is the folder of a sweep over committees: name the folder of one of its "
            f"{len(committees)}, e.g. {committees[0]}"
        )
    trained = [job for job in jobs if (job / CHECKPOINTS).is_dir()]
    if len(trained) < 2:
        raise DataError(
            f"{folder}: is the folder of a sweep with {len(trained)} trained jobs: name the folder "
            "of a job"
        )
    _check_same_recipe(folder, trained)
    return trained


def read_potentials(
    folder: Path, checkpoint: str = AUTO, generation: str | None = None
) -> list[SavedPotential]:
    """Reads a potential, or the members of a committee.

    Args:
        folder: A run directory, a folder of extracted networks, or a committee of either.
        checkpoint: Of run directories, see :func:`find_checkpoints`; one, not ``all``.
        generation: Of the descriptors of networks whose files do not say.

    Raises:
        PannaExpError: Nothing of that kind there, or damaged files.
    """
    if not folder.exists():
        raise DataError(
            f"{folder}: no such file or directory, expected a run directory or networks"
        )
    members = members_of(folder)
    if members is None:
        return [_read(folder, checkpoint, generation)]
    found = [_read(member, checkpoint, generation) for member in members]
    scale = spread_scale(folder)
    return [replace(potential, spread_scale=scale) for potential in found]


def spread_scale(folder: Path) -> SpreadScale | None:
    """Returns what a committee's record says of its spreads, None where it says nothing.

    Raises:
        DataError: A damaged record.
    """
    path = folder / COMMITTEE
    values = _record(path).get(_SCALE) if path.exists() else None
    if values is None:
        return None
    names = [field.name for field in fields(SpreadScale)]
    if not isinstance(values, dict) or sorted(values) != sorted(names):
        raise DataError(f"{path}: {_SCALE}: expected {' and '.join(names)}")
    for name, value in values.items():
        known = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (known and 0 < value < math.inf):
            raise DataError(f"{path}: {_SCALE}: {name}={value}: expected a number above 0, or null")
    return SpreadScale(**values)


def _read(folder: Path, checkpoint: str, generation: str | None) -> SavedPotential:
    if (folder / CHECKPOINTS).is_dir():
        (found,) = find_checkpoints(folder, checkpoint)
        return from_checkpoint(found)
    return from_folder(folder, generation)


def _record(path: Path) -> dict[str, Any]:
    try:
        record = read_json(path)
    except ValueError:
        record = None
    if not isinstance(record, dict) or record.get("format") != _FORMAT:
        raise DataError(f"{path}: expected a JSON object with format {_FORMAT} and members")
    return record


def _members(path: Path) -> list[str]:
    names = _record(path).get("members")
    if not isinstance(names, list) or not names:
        raise DataError(f"{path}: expected a JSON object with format {_FORMAT} and members")
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or name in ("", ".", ".."):
            raise DataError(f"{path}: member {name!r}: expected the name of a folder beside it")
    return names


def _check_same_recipe(folder: Path, jobs: Sequence[Path]) -> None:
    configs = [_comparable(job) for job in jobs]
    keys = dict.fromkeys(key for config in configs for key in config)
    differing = [
        key for key in keys if any(config.get(key) != configs[0].get(key) for config in configs)
    ]
    if differing:
        raise DataError(
            f"{folder}: is the folder of a sweep over {', '.join(differing)}: members of a "
            "committee differ in their seed alone; name the folder of a job"
        )


def _comparable(job: Path) -> dict[str, Any]:
    try:
        plain = yaml.safe_load((job / CONFIG).read_text())
    except (OSError, yaml.YAMLError) as error:
        raise DataError(f"{job / CONFIG}: cannot be read: {error}") from None
    if not isinstance(plain, dict):
        raise DataError(f"{job / CONFIG}: expected the configuration of a run")
    kept = {str(key): value for key, value in plain.items() if key not in _FREE}
    flat = flatten(kept)
    return {key: value for key, value in flat.items() if key != "training.seeds"}
