"""What may happen to a run directory: links in it, parts of files, another name while it trains."""

import os
import signal
import time
from dataclasses import replace

SMALL = ("debug=tiny", "threads=1")


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_run_directory_that_is_renamed_ends_its_training(program, tmp_path):
    seldom = "io.save_checkpoint_steps=200"
    options = ("train", *SMALL, "training.max_epochs=100000", "io.train_dir=run", seldom)
    process = program.start(*options)
    wait_for(lambda: list((tmp_path / "run").glob("_models/e*.pt")))
    (tmp_path / "run").rename(tmp_path / "other")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 2, output
    (line,) = [text for text in output.splitlines() if text.startswith("error: ")]
    assert line.startswith(f"error: {tmp_path / 'run'}: the run directory was renamed or removed")
    assert not (tmp_path / "run").exists()
    (last, *_) = [path.stem.split("_") for path in (tmp_path / "other/_models").glob("e*.pt")]
    longer = f"training.max_epochs={int(last[1]) + 1}"
    done = program.run("train", *SMALL, longer, "io.train_dir=other")
    assert "continuing from epoch_" in done.stderr


def test_a_training_outlives_the_folder_that_it_was_started_in(program, tmp_path):
    start = tmp_path / "start"
    start.mkdir()
    options = ("training.max_epochs=100000", f"io.train_dir={tmp_path / 'run'}")
    process = replace(program, folder=start).start("train", *SMALL, *options)
    wait_for(lambda: list((tmp_path / "run").glob("_models/e*.pt")))
    start.rmdir()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 130, output
    assert output.endswith(f" io.train_dir={tmp_path / 'run'}\n")
    assert "Traceback" not in output


def test_parts_of_checkpoints_are_removed_by_the_run_that_goes_on(program, tmp_path):
    program.run("train", *SMALL, "io.train_dir=run")
    parts = [
        tmp_path / "run/_models/.epoch_9_step_45.pt.abcdefgh.part",
        tmp_path / "run/.result.json.ijklmnop.part",
    ]
    other = tmp_path / "run/.notes.txt.qrstuvwx.part"
    for path in (*parts, other):
        path.write_text("half")
    program.run("train", *SMALL, "io.train_dir=run", "training.max_epochs=3")
    assert not any(path.exists() for path in parts)
    assert other.exists()


def test_a_lock_that_is_a_link_is_not_followed(program, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    (tmp_path / "run").mkdir()
    os.symlink(tmp_path / "mine.txt", tmp_path / "run/.lock")
    done = program.run("train", *SMALL, "io.train_dir=run", code=2)
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "is a symbolic link" in done.stderr
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_tasks_of_srun_that_know_nothing_of_one_another_are_refused(program, monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    done = program.run("train", *SMALL, code=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: srun started 2 tasks")
    assert "torchrun" in line
    assert not (program.folder / "outputs").exists()
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")
    program.run("train", *SMALL, "io.train_dir=run")
