"""The bar of a training, on terminals of any width."""

import io
import logging
import re
import sys

import pytest
from rich.console import Console

from panna_exp.runs import progress

VALUES = {"loss": 0.0123, "energy_mae": 0.0123, "force_mae": 0.1}


def shown(monkeypatch, width):
    """Lines as the terminal of that width gets them."""
    out = io.StringIO()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(
        progress,
        "Console",
        lambda stderr: Console(file=out, width=width, force_terminal=True, color_system=None),
    )
    monkeypatch.setattr(progress, "_REDRAW_SECONDS", 0.0)
    with progress.TrainingDisplay(0, 100000) as display:
        display.values(VALUES)
        display.advance(5000)
        display.epoch(3, 5000, VALUES, {**VALUES, "energy_mae": 0.02})
        display.advance(99999)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()).replace("\r", "\n").splitlines()


@pytest.mark.parametrize("width", [200, 80, 60])
def test_step_and_time_left_are_readable(monkeypatch, width):
    last = shown(monkeypatch, width)[-1]
    assert re.search(r" 99999/100000 \d:\d\d:\d\d \d+ steps/s  MAE", last)
    assert len(last) <= width
    if width >= 80:
        assert "MAE 12.30 meV/atom" in last


def test_lines_of_epochs_stand_above_the_bar(monkeypatch, caplog):
    with caplog.at_level(logging.INFO, logger="panna_exp"):
        lines = shown(monkeypatch, 80)
    text = (
        "epoch 3, step 5000: loss 0.0123, MAE 12.30 meV/atom and 0.1000 eV/A, "
        "validation MAE 20.00 meV/atom and 0.1000 eV/A"
    )
    assert text in lines
    (record,) = caplog.records
    assert (record.message, record.file_only) == (text, True)
