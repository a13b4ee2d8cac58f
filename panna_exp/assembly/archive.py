"""Keeps what another training left in a run directory, under names with a number."""

import shutil
from pathlib import Path

from panna_exp.errors import CheckpointError
from panna_exp.files import write_text_atomic
from panna_exp.records import whole_lines
from panna_exp.run_files import CHECKPOINTS, METRICS
from panna_exp.tracking.archive import archive as archive_records
from panna_exp.training import checkpoint as checkpoints
from panna_exp.training import delta_files, weight_record

_DELTA = (delta_files.ERRORS, delta_files.STATISTICS, delta_files.STEPS)


def archive(run_dir: Path) -> str:
    """Renames what an earlier training left, so that nothing is lost; returns what to say."""
    number = _free_number(run_dir)
    moved = []
    for name in (CHECKPOINTS, METRICS, weight_record.NAME):
        path = run_dir / name
        if path.exists():
            path.rename(_numbered(path, number))
            moved.append(_numbered(path, number).name)
    if archive_records(run_dir, f"tracking_{number}"):
        moved.append(f"tracking_{number}")
    return f"the earlier training is kept as {', '.join(moved)}"


def archive_later(run_dir: Path, step: int, epochs: int) -> list[str]:
    """Moves what a training left after a step from which another one starts.

    Otherwise a folder would hold the checkpoints and lines of two trainings, and whoever looks for
    the last one would find the one that was given up.

    Args:
        run_dir: The run directory.
        step: Where the new training starts to count.
        epochs: Those that are complete, or begun, there.

    Returns:
        What to say; nothing where nothing is later.
    """
    found = checkpoints.list_checkpoints(run_dir / CHECKPOINTS)
    later = [path for path in found if checkpoints.step_of(path) > step]
    metrics = _metrics_until(run_dir / METRICS, step, epochs)
    if not later and metrics is None:
        return []
    number = _free_number(run_dir)
    folder = run_dir / f"{CHECKPOINTS}_{number}"
    folder.mkdir()
    best = run_dir / CHECKPOINTS / f"{checkpoints.BEST}.pt"
    for path in [*later, *([best] if best.exists() else [])]:
        path.rename(folder / path.name)
    moved = [folder.name, *_copies(run_dir, number)]
    if metrics is not None:
        write_text_atomic(run_dir / METRICS, metrics)
    _cut_weight_record(run_dir, step)
    if archive_records(run_dir, f"tracking_{number}"):
        moved.append(f"tracking_{number}")
    return [f"what was trained after step {step} before is kept as {', '.join(moved)}"]


def find_archived(run_dir: Path, name: str) -> Path | None:
    """Returns a checkpoint that was archived: of the last training that had one of this name."""
    stem = name.removesuffix(".pt")
    for number in range(_free_number(run_dir) - 1, 0, -1):
        path = run_dir / f"{CHECKPOINTS}_{number}" / f"{stem}.pt"
        if path.is_file():
            return path
    return None


def _free_number(run_dir: Path) -> int:
    number = 1
    while (run_dir / f"{CHECKPOINTS}_{number}").exists():
        number += 1
    return number


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}_{number}{path.suffix}")


def _copies(run_dir: Path, number: int) -> list[str]:
    """Keeps whole copies of the files of which the later lines go."""
    found = [run_dir / name for name in (METRICS, weight_record.NAME, *_DELTA)]
    copies = [(path, _numbered(path, number)) for path in found if path.exists()]
    for path, copy in copies:
        shutil.copy2(path, copy)
    return [copy.name for _, copy in copies]


def _metrics_until(path: Path, step: int, epochs: int) -> str | None:
    """Returns the text without later lines, None where there are none."""
    if not path.exists():
        return None
    header, *lines = path.read_bytes().decode(errors="replace").splitlines() or [""]
    names = header.split()
    if "tot_st" not in names:
        raise CheckpointError(f"{path}: has no column tot_st in its first line: move it away")
    column = names.index("tot_st")

    def is_kept(line: str) -> bool:
        values = line.split()
        if len(values) != len(names):
            return False  # cut short by a kill
        try:
            return int(float(values[column])) <= step and int(values[0]) < epochs
        except (ValueError, OverflowError):
            raise CheckpointError(
                f"{path}: '{line[:40]}': expected an epoch and numbers: move it away"
            ) from None

    kept = [line for line in lines if is_kept(line)]
    return None if len(kept) == len(lines) else "".join(f"{line}\n" for line in [header, *kept])


def _cut_weight_record(run_dir: Path, step: int) -> None:
    path = run_dir / weight_record.NAME
    if not path.exists():
        return
    lines = whole_lines(path)
    records = weight_record.read_weight_record(run_dir)
    kept = [line for line, record in zip(lines, records, strict=False) if record["step"] <= step]
    write_text_atomic(path, "".join(f"{line}\n" for line in kept))
