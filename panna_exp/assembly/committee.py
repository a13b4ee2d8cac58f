"""Committees: potentials of one recipe and different seeds, whose spread says how sure they are.

``training.seeds=[0,1,2]`` leaves ``RUN_DIR/seed_0``, ... and ``committee.json``, which names them;
a sweep over seeds is one as well.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from panna_exp.assembly.restart import flatten
from panna_exp.assembly.saved import SavedPotential, from_checkpoint, from_folder
from panna_exp.errors import DataError
from panna_exp.files import read_json, write_text_atomic
from panna_exp.run_files import CHECKPOINTS, COMMITTEE, CONFIG, JOB
from panna_exp.training.checkpoint import AUTO, find_checkpoints

_FORMAT = 1
# What may differ between the jobs of a sweep that are members of one committee.
_FREE = ("seed", "io", "tracking", "sweep")


def write_record(folder: Path, members: Sequence[str], more: Mapping[str, Any]) -> Path:
    """Writes ``committee.json``; returns its path.

    Args:
        folder: Of the committee.
        members: Names of folders in it.
        more: Other facts, e.g. the seeds.
    """
    record = {"format": _FORMAT, "members": list(members), **more}
    write_text_atomic(folder / COMMITTEE, json.dumps(record, indent=1) + "\n")
    return folder / COMMITTEE


def members_of(folder: Path) -> list[Path] | None:
    """Returns the folders of a committee's members; None for a folder that is no committee.

    Raises:
        DataError: A damaged record, or a sweep whose jobs differ in more than their seed.
    """
    if (folder / CHECKPOINTS).is_dir():
        return None
    if (folder / COMMITTEE).exists():
        return [folder / name for name in _recorded(folder / COMMITTEE)]
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
    if members is not None:
        return [_read(member, checkpoint, generation) for member in members]
    return [_read(folder, checkpoint, generation)]


def _read(folder: Path, checkpoint: str, generation: str | None) -> SavedPotential:
    if (folder / CHECKPOINTS).is_dir():
        (found,) = find_checkpoints(folder, checkpoint)
        return from_checkpoint(found)
    return from_folder(folder, generation)


def _recorded(path: Path) -> list[str]:
    try:
        record = read_json(path)
    except ValueError:
        record = None
    names = record.get("members") if isinstance(record, dict) else None
    if not isinstance(names, list) or not names or record["format"] != _FORMAT:
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
