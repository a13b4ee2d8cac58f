"""What is known of a training before its first file is read."""

from dataclasses import replace

import pytest

from panna_exp.config.compose import compose_job
from panna_exp.errors import ConfigError
from panna_exp.runs.command_line import CommandLine
from panna_exp.runs.job import Job, remove_empty


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def job_of(*overrides):
    return Job.of(compose_job("train", ["data=tutorial", "io.train_dir=run", *overrides]))


def test_a_job_has_what_was_typed_and_where(folder):
    job = job_of("training.max_epochs=3")
    assert (job.launch_dir, job.run_dir, job.parent) == (folder, folder / "run", None)
    assert job.config.training.max_epochs == job.plain["training"]["max_epochs"] == 3
    assert list(job.overrides) == ["data=tutorial", "io.train_dir=run", "training.max_epochs=3"]
    assert "io.train_dir=run" in job.command.continuing()


def test_the_record_may_say_something_else(folder):
    job = replace(job_of(), recorded=["-c input.ini"])
    assert job.overrides == ["-c input.ini"]
    assert list(job.command.overrides) == ["data=tutorial", "io.train_dir=run"]


def test_mistakes_are_raised_together_and_leave_no_folder(folder):
    mistakes = ["training.max_epochs=-1", "training.batch_size=0"]
    overrides = ["data=tutorial", "io.train_dir=run", *mistakes]
    composed = compose_job("train", overrides)
    composed.run_dir.mkdir()
    with pytest.raises(ConfigError) as caught:
        Job.of(composed)
    assert all(mistake in str(caught.value) for mistake in mistakes)
    assert not composed.run_dir.exists()


def test_mistakes_leave_an_earlier_run_alone(folder):
    composed = compose_job("train", ["data=tutorial", "io.train_dir=run", "training.max_epochs=-1"])
    composed.run_dir.mkdir()
    (composed.run_dir / "metrics.dat").touch()
    with pytest.raises(ConfigError):
        Job.of(composed)
    assert (composed.run_dir / "metrics.dat").exists()


def test_a_record_gives_its_job_again(folder):
    first = job_of("training.max_epochs=3", "network=h_deep")
    command = CommandLine([], folder / "again")
    job = Job.of_record(first.plain, folder, command, "rerun of run")
    assert (job.plain, job.config) == (first.plain, first.config)
    assert (job.overrides, job.run_dir) == (["rerun of run"], folder / "again")


def test_keys_that_a_record_does_not_know_have_their_defaults(folder):
    first = job_of()
    training = {key: value for key, value in first.plain["training"].items() if key != "monitor"}
    older = {**first.plain, "training": training}
    job = Job.of_record(older, folder, first.command, "older")
    assert job.plain == first.plain


def test_values_of_a_record_are_checked(folder):
    first = job_of()
    wrong = {**first.plain, "training": {**first.plain["training"], "max_epochs": -1}}
    with pytest.raises(ConfigError, match="max_epochs"):
        Job.of_record(wrong, folder, first.command, "wrong")


def test_a_member_differs_in_what_is_its_own(folder):
    first = job_of("training.max_epochs=3")
    command = CommandLine(["seed=7"], folder / "run/seed_7")
    member = first.changed(command, folder / "run", {"seed": 7, "io.max_ckpt_to_keep": 5})
    assert (member.config.seed, member.plain["seed"], member.config.io.max_ckpt_to_keep) == (
        7,
        7,
        5,
    )
    assert (member.run_dir, member.parent) == (folder / "run/seed_7", folder / "run")
    assert member.config.training == first.config.training
    assert first.config.seed == first.plain["seed"] == 0


def test_a_member_may_not_have_wrong_values(folder):
    first = job_of()
    with pytest.raises(ConfigError, match=r"training\.batch_size"):
        first.changed(first.command, None, {"training.batch_size": 0})


def test_empty_folders_go_up_to_where_the_user_started(tmp_path):
    run = tmp_path / "outputs/day/run"
    run.mkdir(parents=True)
    (tmp_path / "outputs/other").mkdir()
    remove_empty(run, tmp_path)
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["other"]


def test_folders_elsewhere_and_missing_ones_are_left(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "start").mkdir()
    elsewhere.mkdir()
    remove_empty(elsewhere, tmp_path / "start")
    remove_empty(tmp_path / "start/never", tmp_path / "start")
    assert elsewhere.is_dir()
    assert (tmp_path / "start").is_dir()
