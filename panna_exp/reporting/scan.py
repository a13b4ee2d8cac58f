"""Finds run directories below folders, and reads them so that a damaged one hides no other."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from panna_exp.errors import ConfigError, DataError, closest
from panna_exp.files import user_path
from panna_exp.reporting.listing import ordered
from panna_exp.reporting.run import Run, State, is_committee, is_run, is_sweep, read_run
from panna_exp.run_files import CONFIG, RESULT

# Copies of records that MLflow keeps; hidden folders are passed over too.
_NOT_SEARCHED = ("mlruns", "mlartifacts")

IsRunning = Callable[[Path], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What was found.

    Args:
        runs: Those that could be read.
        damaged: Folder and one line for each of the others.
    """

    runs: Sequence[Run]
    damaged: Sequence[tuple[Path, str]]


def scan(folders: Iterable[Path], is_running: IsRunning) -> Scan:
    """Reads every run in and below folders, each once.

    Args:
        folders: Existing folders.
        is_running: Whether a training has a run directory locked.
    """
    runs: list[Run] = []
    damaged: list[tuple[Path, str]] = []
    seen: set[Path] = set()
    for path in (found for folder in folders for found in find_runs(folder)):
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        try:
            runs.append(read_run(path, is_running(path)))
        except DataError as error:
            damaged.append((path, str(error)))
        except OSError as error:
            damaged.append((path, f"{error.filename or path}: cannot be read ({error.strerror})"))
    return Scan(runs=runs, damaged=damaged)


def find_runs(folder: Path) -> Iterator[Path]:
    """Yields the run directories in and below a folder, sorted by path; links are not followed.

    A committee that was evaluated comes before its members.
    """
    if is_run(folder):
        yield folder
        return
    if _is_evaluated_committee(folder):
        yield folder
    for place, names, _ in os.walk(folder):
        kept = []
        for name in sorted(names):
            if name in _NOT_SEARCHED or name.startswith("."):
                continue
            folder = Path(place) / name
            try:
                found, is_evaluated = is_run(folder), _is_evaluated_committee(folder)
            except OSError:
                found, is_evaluated = True, False  # whoever reads it says why that cannot be
            if found or is_evaluated:
                yield folder
            if not found:
                kept.append(name)
        names[:] = kept


def _is_evaluated_committee(folder: Path) -> bool:
    return is_committee(folder) and (folder / RESULT).is_file()


def named_runs(path: Path, command: str, is_running: IsRunning) -> list[Run]:
    """Reads the run that a user names, a committee with its members or all jobs of a sweep.

    Args and errors as of :func:`named_run`.

    Returns:
        Jobs of a sweep with the best first, less those that were killed before they began.
    """
    folder = existing_folder(path, command, "a run directory")
    if is_committee(folder):
        return [read_run(below, is_running(below)) for below in find_runs(folder)]
    if is_run(folder) or not is_sweep(folder):
        return [named_run(path, command, is_running)]
    running = {below: is_running(below) for below in find_runs(folder)}
    begun = [
        read_run(below, now)
        for below, now in running.items()
        if now or any((below / name).exists() for name in (CONFIG, RESULT))
    ]
    complete = [run for run in begun if run.state == State.FINISHED]
    others = [run for run in begun if run.state != State.FINISHED]
    return ordered(complete, "metric") + ordered(others, "metric")


def named_run(path: Path, command: str, is_running: IsRunning) -> Run:
    """Reads the run that a user names.

    Args:
        path: What was typed.
        command: For messages.
        is_running: Whether a training has a run directory locked.

    Raises:
        ConfigError: There is no such folder, or it is not that of a run.
        DataError: The run directory is damaged.
        OSError: A file of it cannot be read.
    """
    folder = existing_folder(path, command, "a run directory")
    if not is_run(folder) and not _is_evaluated_committee(folder):
        below = next(find_runs(folder), None)
        hint = "panna-exp runs lists them" if below is None else f"but {below} below it is"
        raise ConfigError(f"{command}: {path}: is not a run directory, {hint}")
    return read_run(folder, is_running(folder))


def existing_folder(path: Path, command: str, expected: str) -> Path:
    """Returns a folder that a user names, ``~`` expanded.

    Raises:
        ConfigError: It does not exist or is a file.
    """
    folder = user_path(path)
    if folder.is_dir():
        return folder
    if folder.exists():
        raise ConfigError(f"{command}: {path}: is a file, expected {expected}")
    siblings = [item.name for item in folder.parent.iterdir()] if folder.parent.is_dir() else []
    raise ConfigError(
        f"{command}: {path}: no such folder, expected {expected}{closest(folder.name, siblings)}"
    )
