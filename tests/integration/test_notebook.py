"""The notebooks of the documentation run from top to bottom, and show what they print."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))
FIRST_STEPS = ROOT / "docs/notebooks/first_steps.ipynb"
SAYS_NOTHING = ("import ", "%%writefile", "write(")  # a cell whose last line, or first, has these


def cells(notebook):
    """Sources and what was printed, of cells with code."""
    found = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [("".join(cell["source"]), cell["outputs"]) for cell in found]


def printed(notebook):
    texts = [output.get("text", "") for _, outputs in cells(notebook) for output in outputs]
    return "".join("".join(text) for text in texts)


def test_first_steps_need_one_import_of_ours():
    code = "\n".join(source for source, _ in cells(json.loads(FIRST_STEPS.read_text())))
    imports = re.findall(r"^.*\bpanna_exp\b.*$", code, re.MULTILINE)
    assert [line for line in imports if "import" in line] == ["import panna_exp as pe"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_shows_what_it_prints_and_draws(path):
    """Written by tools/execute_notebooks.py; of no machine."""
    notebook = json.loads(path.read_text())
    for source, outputs in cells(notebook):
        lines = source.splitlines()
        if not any(word in line for word in SAYS_NOTHING for line in (lines[0], lines[-1])):
            assert outputs, source
        assert all("text/html" not in output.get("data", {}) for output in outputs)
    assert not re.search(r"/home|/tmp|/root|/work|\x1b|Error\b|warn", printed(notebook))


def test_first_steps(tmp_path, monkeypatch, capsys):
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("Agg")
    names = {}
    for source, _ in cells(json.loads(FIRST_STEPS.read_text())):
        exec(compile(source, str(FIRST_STEPS), "exec"), names)
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


# What notebooks say beside what is printed now: numbers that a pattern finds, and by which factor
# another processor's rounding, which a training amplifies, may change them.
NUMBERS = {
    "file-to-dynamics": (
        (r"^  (?:all|zero forces) +\d+ +([\d.]+)", 2.0),
        (r"^(?:Tersoff|panna_exp): ([\d.]+) angstrom", 1.002),
        (r"^largest deviation: ([\d.]+)", 4.0),
        (r"^ +\d+ +[\d.]+ +-([\d.]+) +[-\d.]+ *$", 1.0005),
    ),
    "committee": (
        (r"^  (?:all|committee) +(?:\d+ +)?([\d.]+)", 2.0),
        (r"^outputs/committee2?: ([\d.]+)", 2.5),
        (r"^rank correlation: ([\d.]+)", 1.2),
        (r"^stopped: True, step \d+, ([\d.]+)", 4.0),
    ),
    "panna": (
        (r"^  all +180 +([\d.]+)", 3.0),
        (r"^  constant/species +180 +([\d.]+)", 1.01),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("course", [0, 1])
def test_tutorials(course, tmp_path, monkeypatch):
    pytest.importorskip("nbclient")
    monkeypatch.setenv("NO_COLOR", "1")
    script = ROOT / "tools/execute_notebooks.py"
    spec = importlib.util.spec_from_file_location("execute_notebooks", script)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    for part in tool.COURSES[course]:
        path = ROOT / "docs" / part
        before, now = printed(json.loads(path.read_text())), printed(tool.executed(path, tmp_path))
        for pattern, factor in NUMBERS[path.stem]:
            shown, found = (
                [float(number) for number in re.findall(pattern, text, re.MULTILINE)]
                for text in (before, now)
            )
            assert len(shown) == len(found) > 0, pattern
            for one, other in zip(shown, found, strict=True):
                assert 1 / factor <= other / one <= factor, (pattern, one, other)
    if course == 1:
        assert "O: first layer changed by at most 0.000" in now
