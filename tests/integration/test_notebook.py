"""The notebook for first steps runs from top to bottom, with ``import panna_exp as pe`` alone."""

import json
import re
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs/notebooks/first_steps.ipynb"
CELLS = [
    "".join(cell["source"])
    for cell in json.loads(NOTEBOOK.read_text())["cells"]
    if cell["cell_type"] == "code"
]


def test_it_needs_one_import_of_ours():
    imports = re.findall(r"^.*\bpanna_exp\b.*$", "\n".join(CELLS), re.MULTILINE)
    assert [line for line in imports if "import" in line] == ["import panna_exp as pe"]


def test_it_shows_what_it_prints_and_draws():
    """Written by tools/execute_notebook.py; of no machine."""
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        last = "".join(cell["source"]).splitlines()[-1]
        if cell["cell_type"] == "code" and "import" not in last:
            assert cell["outputs"], last
            assert all("text/html" not in output.get("data", {}) for output in cell["outputs"])
            assert "/home" not in json.dumps(cell["outputs"])
            assert "/tmp" not in json.dumps(cell["outputs"])


def test_it_runs(tmp_path, monkeypatch, capsys):
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("Agg")
    names = {}
    for cell in CELLS:
        exec(compile(cell, str(NOTEBOOK), "exec"), names)
    plt.close("all")
    assert names["run"].state == "finished"
    assert len(names["run"].metrics) == 30
    assert names["errors"].energy.mae_mev_per_atom < 5
    assert names["deviation"] == pytest.approx(names["errors"].energy.mae_mev_per_atom, rel=0.01)
    assert names["descriptors"].shape == (3, 384)
    total = names["total"]
    assert len(total) == 101
    assert max(total) - min(total) < 0.02
    assert "total energy: " in capsys.readouterr().out
