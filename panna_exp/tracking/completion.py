"""Ends the journal of a run that was finished, but killed before it could say so."""

import re
from collections.abc import Iterator
from pathlib import Path

from panna_exp.files import read_json
from panna_exp.run_files import CHECKPOINTS, LOG, METRICS, RESULT
from panna_exp.tracking import journal
from panna_exp.tracking.base import RunStatus
from panna_exp.tracking.journal import Journal, read_events

_FILES = (METRICS, LOG, RESULT, "learning_curves.png")
_FOLDERS = {"weights": "*.png", "evaluate": "*"}
_LIFE = ("start", "resume", "finish")
_CHECKPOINT = re.compile(r"epoch_\d+_step_(\d+)\.pt")


def result_files(run_dir: Path) -> Iterator[tuple[Path, str]]:
    """Yields what a run keeps at its end, with the folder that it is kept in."""
    for name in _FILES:
        if (run_dir / name).is_file():
            yield run_dir / name, ""
    for folder, pattern in _FOLDERS.items():
        for path in sorted((run_dir / folder).glob(pattern)):
            if path.is_file():
                yield path, folder
    steps = {
        int(match[1]): path
        for path in (run_dir / CHECKPOINTS).glob("*.pt")
        if (match := _CHECKPOINT.fullmatch(path.name))
    }
    if steps:
        yield steps[max(steps)], "checkpoints"


def complete_record(run_dir: Path) -> bool:
    """Adds files and end to the journal of a finished run that lacks them.

    Returns:
        Whether it did.

    Raises:
        PannaExpError: The journal is damaged.
    """
    path = run_dir / journal.NAME
    if not path.is_file() or not _is_open(path, _finished_at(run_dir)):
        return False
    record = Journal(path)
    for file, folder in result_files(run_dir):
        record.save(file.relative_to(run_dir).as_posix(), folder)
    record.finish(RunStatus.FINISHED)
    return True


def _finished_at(run_dir: Path) -> int:
    """Returns when a run's result was written (ms since 1970), -1 where there is none."""
    path = run_dir / RESULT
    try:
        result = read_json(path)
        written = path.stat().st_mtime_ns // 1_000_000
    except (OSError, ValueError):
        return -1
    is_finished = isinstance(result, dict) and result.get("status") == RunStatus.FINISHED.value
    return written if is_finished else -1


def _is_open(path: Path, finished_at: int) -> bool:
    """Whether a journal has no end of the training that wrote the result, and of none since."""
    told = [event for event, _ in read_events(path, 0) if event["event"] in _LIFE]
    return bool(told) and told[-1]["event"] != "finish" and told[-1]["time"] <= finished_at
