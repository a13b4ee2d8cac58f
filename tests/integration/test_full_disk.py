"""What only tells of a run may not end it: full disks, streams that are closed or full."""

import subprocess
import sys

import pytest

OPTIONS = (
    *("train", "network.architecture=[8,1]", "training.steps_per_epoch=5"),
    *("training.batch_size=4", "training.max_epochs=2", "io.log_frequency=2", "io.delta_e=true"),
)
# Every line and every file but checkpoints finds the disk full once the training has begun.
FULL = """
import errno, os
from contextlib import contextmanager
from panna_exp import files, records
from panna_exp.runs.progress import TrainingDisplay
from panna_exp.cli import main

enter, replacing = TrainingDisplay.__enter__, files.replacing

def full(path, *_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

@contextmanager
def only_checkpoints(path):
    if path.suffix != ".pt":
        full(path)
    with replacing(path) as part:
        yield part

def begun(display):
    records._append = full
    files.replacing = only_checkpoints
    return enter(display)

TrainingDisplay.__enter__ = begun
main()
"""


def run(program, code, *arguments, **streams):
    """A new interpreter, whose streams may be anything."""
    command = [sys.executable, *code, *arguments]
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run(
        command, cwd=program.folder, env=program.environment(), text=True, timeout=240, **kept
    )


def test_a_disk_that_fills_up_costs_the_records_and_not_the_training(program, tmp_path):
    program.run(*OPTIONS, "tracking=none", "io.train_dir=whole")
    done = run(program, ("-c", FULL), *OPTIONS, "tracking=both", "io.train_dir=full")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    for name in ("metrics.dat", "weights.jsonl", "delta_e.dat", "tracking.jsonl"):
        (line,) = [text for text in done.stderr.splitlines() if f"full/{name}: cannot" in text]
        assert "No space left on device): its lines wait in memory, the run goes on" in line
    for name in ("result.json", "evaluate/"):
        assert sum(f"full/{name}" in text for text in done.stderr.splitlines()) == 1, name
    program.assert_identical(tmp_path / "whole", tmp_path / "full")
    assert (tmp_path / "full/_models/best.pt").exists()
    # With room again, the same command writes what is missing.
    program.run(*OPTIONS, "tracking=none", "io.train_dir=full")
    assert (tmp_path / "full/result.json").exists()


@pytest.mark.parametrize("kind", ["full", "closed"])
def test_a_training_needs_nobody_who_listens(program, tmp_path, kind):
    redirected = ">/dev/full 2>/dev/full" if kind == "full" else ">&- 2>&- <&-"
    command = f'exec "$0" -m panna_exp "$@" {redirected}'
    arguments = (*OPTIONS, "tracking=none", "io.train_dir=run")
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, *arguments],
        cwd=tmp_path,
        env=program.environment(),
        timeout=240,
    )
    assert done.returncode == 0
    assert (tmp_path / "run/result.json").exists()
    assert "Traceback" not in (tmp_path / "run/train.log").read_text()


def test_a_reader_that_has_gone_does_not_end_a_training(program, tmp_path):
    process = program.start(*OPTIONS, "tracking=none", "io.train_dir=run")
    process.stdout.close()
    assert process.wait(240) == 0
    assert (tmp_path / "run/result.json").exists()


def test_output_without_room_is_one_line(program):
    with open("/dev/full", "w") as full:
        for arguments in (("--help",), ("train", "--help"), ("--version",)):
            done = run(program, ("-m", "panna_exp"), *arguments, stdout=full)
            assert done.returncode == 2, done.stderr
            assert done.stderr == "error: standard output: No space left on device\n"
