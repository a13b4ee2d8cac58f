"""How far it is from the command line to the loop of a training."""

import inspect
from pathlib import Path

import pytest

import panna_exp
from panna_exp.cli import main
from panna_exp.training.trainer import Trainer

PACKAGE = Path(panna_exp.__file__).parent
MOST = 6


class Reached(Exception):
    """The loop was reached."""


def test_frames_from_the_command_to_the_loop(tmp_path, monkeypatch):
    found = []

    def fit(trainer, listener):
        assert isinstance(trainer, Trainer)
        own = [f for f in inspect.stack() if Path(f.filename).is_relative_to(PACKAGE)]
        found.extend(f"{Path(f.filename).stem}.{f.function}" for f in reversed(own))
        found.append("trainer.fit")
        raise Reached

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Trainer, "fit", fit)
    with pytest.raises(Reached):
        main(["train", "debug=tiny", "io.train_dir=run"])
    assert found[0] == "cli.main"
    assert len(found) <= MOST, found
