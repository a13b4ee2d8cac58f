"""Which work of a training which process does, and in which order."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from panna_exp.config.compose import compose_job
from panna_exp.errors import DataError
from panna_exp.runs import session
from panna_exp.runs.job import Job
from panna_exp.runs.listener import WorkerListener
from panna_exp.tracking.base import Tracker


@pytest.fixture
def told(monkeypatch, tmp_path):
    """What is called, in order; no file is read and nothing is trained."""
    monkeypatch.chdir(tmp_path)
    calls = []

    def note(name, result=None):
        def called(*arguments, **options):
            calls.append(name)
            return result

        return called

    def fit(listener):
        calls.append(type(listener))

    built = SimpleNamespace(trainer=SimpleNamespace(fit=fit))
    monkeypatch.setattr(session, "read_run_data", note("read"))
    monkeypatch.setattr(session, "order_settings", lambda config, data: {})
    monkeypatch.setattr(session, "find_restart", note("restart"))
    monkeypatch.setattr(session, "continued_data", note("continued"))
    monkeypatch.setattr(session, "build_run", note("build", built))

    class Directory:
        def __init__(self, path):
            calls.append("locked")

        def __enter__(self):
            return self

        def __exit__(self, *error):
            calls.append("released")

    class Session:
        def __init__(self, **parts):
            calls.append("session")

        def run(self):
            return session.TrainingResult(metric=0.5, code=0)

    monkeypatch.setattr(session, "RunDirectory", Directory)
    monkeypatch.setattr(session, "_Session", Session)
    return calls


def job_of(rank, size, calls):
    processes = SimpleNamespace(rank=rank, size=size, wait=lambda: calls.append("wait"))
    composed = compose_job("train", ["data=tutorial", "io.train_dir=run"])
    return replace(Job.of(composed), handles_signals=False, processes=processes)


def test_the_first_process_locks_before_anybody_looks_for_checkpoints(told):
    result = session.run_training(job_of(0, 2, told), Tracker())
    assert result == session.TrainingResult(metric=0.5, code=0)
    before = ["read", "locked", "wait", "restart", "continued", "build", "wait"]
    assert told == [*before, "session", "released"]


def test_the_others_train_alone(told):
    result = session.run_training(job_of(1, 2, told), Tracker())
    assert result == session.TrainingResult(metric=None, code=0)
    assert told == ["read", "wait", "restart", "continued", "build", "wait", WorkerListener]


def test_data_that_cannot_be_read_lock_nothing(told, monkeypatch):
    def refuse(*arguments, **options):
        raise DataError("train.h5: is damaged")

    monkeypatch.setattr(session, "read_run_data", refuse)
    with pytest.raises(DataError, match="damaged"):
        session.run_training(job_of(0, 1, told), Tracker())
    assert told == []


def test_the_directory_is_released_after_a_mistake(told, monkeypatch):
    def refuse(*arguments):
        raise DataError("no network of this species")

    monkeypatch.setattr(session, "build_run", refuse)
    with pytest.raises(DataError, match="species"):
        session.run_training(job_of(0, 1, told), Tracker())
    assert told[-1] == "released"


class TestRecord:
    """What trackers keep and what a figure may cost."""

    @pytest.fixture
    def make(self, tmp_path):
        """Returns a session of which only the parts named are there."""

        def make(saved, **tracking):
            parts = dict.fromkeys(
                ("processes", "built", "data", "restart", "interrupt", "pruner"), None
            )
            config = SimpleNamespace(
                tracking=SimpleNamespace(**{"mlflow": True, "weight_figures": False, **tracking})
            )
            tracker = SimpleNamespace(save=lambda path, folder="": saved.append(path.name))
            return session._Session(
                **parts,
                job=SimpleNamespace(config=config),
                directory=SimpleNamespace(path=tmp_path),
                tracker=tracker,
            )

        return make

    def test_files_that_are_there_are_kept(self, make, tmp_path):
        saved = []
        (tmp_path / session.CONFIG).touch()
        make(saved)._track([session.CONFIG, session.OVERRIDES])
        assert saved == [session.CONFIG]

    def test_curves_that_cannot_be_drawn_are_a_warning(self, make, tmp_path, caplog):
        (tmp_path / session.METRICS).write_text("nonsense\n")
        with caplog.at_level("WARNING", "panna_exp"):
            make([])._track_learning_curves()
        assert "no learning curves" in caplog.text

    def test_without_mlflow_none_are_drawn(self, make, caplog):
        with caplog.at_level("WARNING", "panna_exp"):
            make([], mlflow=False)._track_learning_curves()
        assert not caplog.records

    @pytest.mark.parametrize(
        ("mlflow", "figures", "wanted"),
        [(True, True, True), (True, False, False), (False, True, False)],
    )
    def test_figures_of_weights_are_for_mlflow(self, make, mlflow, figures, wanted):
        found = make([], mlflow=mlflow, weight_figures=figures)
        assert found._wants_weight_figures() is wanted
