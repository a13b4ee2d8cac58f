"""Repeats a run from its record and says whether it ends the same."""

from pathlib import Path
from typing import TYPE_CHECKING

from panna_exp.errors import ConfigError, DataError, PannaExpError
from panna_exp.files import relative
from panna_exp.quoting import shell_line
from panna_exp.reporting.data_files import PARTS, data_files, starting_files
from panna_exp.reporting.differences import compare, text_of
from panna_exp.reporting.records import read_json
from panna_exp.reporting.run import Run, is_committee, read_run
from panna_exp.run_files import CONFIG, ENVIRONMENT, METRICS, RESULT
from panna_exp.runs.command_line import CommandLine, display, program
from panna_exp.runs.run_directory import environment

if TYPE_CHECKING:
    from panna_exp.config.schema import DataConfig

DIFFERENT = 1
# What a repetition does without.
_OTHERWISE = {
    "training.limit_seconds": None,
    "tracking.mlflow": False,
    "tracking.tensorboard": False,
    "tracking.register": None,
}


def rerun(run_dir: Path, to: Path | None, force: bool) -> int:
    """Trains again and compares.

    Args:
        run_dir: Of a finished run.
        to: A directory that does not exist; None: one beside the run.
        force: Even if data files have changed.

    Returns:
        Exit code: 0 if all weights and metrics are the same, bit for bit, 1 if they differ.

    Raises:
        PannaExpError: A run that cannot be repeated.
    """
    recorded = _recorded(run_dir)
    base = Path(recorded.environment["launch_dir"])
    target = to or _free_name(run_dir)
    _repeat(recorded, target, base if base.is_dir() else Path.cwd(), force)
    return _compared(run_dir, target)


def _recorded(run_dir: Path) -> Run:
    """Returns the record of a run that can be repeated."""
    if is_committee(run_dir):
        raise DataError(f"{run_dir}: is a committee: rerun its members, e.g. {run_dir}/seed_0")
    for name in (CONFIG, ENVIRONMENT):
        if not (run_dir / name).exists():
            raise DataError(f"{run_dir}: is not a run directory, it has no {name}")
    result = run_dir / RESULT
    if not result.exists() or read_json(result, dict).get("status") != "FINISHED":
        raise DataError(
            f"{run_dir}: the run is not finished: continue it first (the same command again)"
        )
    if not (run_dir / METRICS).exists():
        raise DataError(f"{run_dir}: has no {METRICS}: there is nothing to compare with")
    run = read_run(run_dir, False)
    if not isinstance(run.environment.get("launch_dir"), str) or not data_files(run, "train"):
        raise DataError(
            f"{run_dir / ENVIRONMENT}: expected launch_dir and data.train.files: the record is "
            "damaged, the run cannot be repeated from it"
        )
    run.group("environment", "packages")
    return run


def _free_name(run_dir: Path) -> Path:
    """Returns a directory beside the run that is not there yet."""
    number = 1
    while (target := run_dir.with_name(f"{run_dir.name}_rerun_{number}")).exists():
        number += 1
    return target


def _repeat(run: Run, target: Path, base: Path, force: bool) -> None:
    """Trains again in ``target``."""
    if target.exists() and any(target.iterdir()):
        raise ConfigError(f"--to {target}: is not empty: name a directory that does not exist")
    from panna_exp.assembly.machine import choose_device
    from panna_exp.assembly.repeat import changed_settings, changed_versions
    from panna_exp.config.composed import load_values, with_values
    from panna_exp.config.renamed import renamed_values
    from panna_exp.runs.job import Job
    from panna_exp.runs.training import train
    from panna_exp.training.checkpoint import find_checkpoints

    find_checkpoints(run.path, "last")  # before hours of training for nothing
    plain = load_values(run.path / CONFIG)
    assert plain is not None  # the record was read before
    problems = changed_settings(run.path, plain)
    if problems:
        raise ConfigError(
            [f"{run.path}: cannot be repeated in one go: {text}" for text in problems]
        )
    again = with_values(
        renamed_values(plain, recorded=True), {**_OTHERWISE, "io.train_dir": str(target)}
    )
    job = Job.of_record(again, base, CommandLine([], target), f"rerun of {run.path}")
    problems = _changed_files(run, job.config.data, base)
    if problems and not force:
        raise ConfigError([f"{text} (--force repeats the run all the same)" for text in problems])
    now = {**environment(base), "device": str(choose_device(job.config))}
    for text in [*problems, *changed_versions(run.environment, now)]:
        print(f"note: {text}")
    result = train(job)
    if result.code:
        raise PannaExpError(f"{target}: was stopped: there is nothing to compare yet")


def _changed_files(run: Run, data: "DataConfig", base: Path) -> list[str]:
    """Returns what is no longer as it was of data and of files that the training started from."""
    from panna_exp.assembly.repeat import added_files, changed_files

    files = {part: data_files(run, part) for part in PARTS}
    recorded = {str(file.path): file.sha256 for some in files.values() for file in some}
    paths = {part: [str(file.path) for file in some] for part, some in files.items()}
    return [
        *changed_files({**recorded, **starting_files(run)}, base),
        *added_files(data, paths, base),
    ]


def _compared(run_dir: Path, target: Path) -> int:
    """Says how alike the two are; returns the exit code."""
    from panna_exp.assembly.repeat import likeness

    found = likeness(run_dir, target)
    metrics = [(path / METRICS).read_text() for path in (run_dir, target)]
    again = f"\nrerun of {display(run_dir)} in {display(target)}:"
    if found.identical and metrics[0] == metrics[1]:
        print(f"{again} identical, all {found.everything} weights and every metric, bit for bit")
        return 0
    print(f"{again} NOT identical")
    if found.names[0] != found.names[1]:
        print(f"  it ended with {found.names[1]}, the run with {found.names[0]}")
    print(
        f"  {found.different} of {found.everything} weights differ, the most by "
        f"{found.largest:.1e} of the largest in their layer ({found.where or 'none'})"
    )
    for text in _differences(run_dir, target):
        print(f"  {text}")
    words = [*program(), "diff", str(relative(run_dir)), str(relative(target))]
    print(f"  {shell_line(words)} shows the results")
    return DIFFERENT


def _differences(run_dir: Path, target: Path) -> list[str]:
    """Returns what may be the cause: differences of data, code and machine."""
    found = compare(read_run(run_dir, False), read_run(target, False))
    return [
        f"{item.key}: {text_of(item.first, item.key)} then, {text_of(item.second, item.key)} now"
        for item in (*found.data, *found.code)
    ]
