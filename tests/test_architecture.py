"""``docs/architecture.md`` and ``CONTRIBUTING.md`` name what there is, and stay short."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "panna_exp"
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
PAGES = ARCHITECTURE + (ROOT / "CONTRIBUTING.md").read_text()
UNITS = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
NAMES = sorted(
    {
        name
        for name in re.findall(r"`([a-z_]+(?:\.\w+)*)`", ARCHITECTURE)
        if name.partition(".")[0] in UNITS
    }
)
FILES = sorted(set(re.findall(r"`((?:panna_exp|tests|tools|conf|docs|\.ci)/[\w./-]*)`", PAGES)))


def test_it_is_short():
    assert len(ARCHITECTURE.splitlines()) <= 120


def test_it_names_enough():
    assert len(NAMES) > 60
    assert len(FILES) > 5


@pytest.mark.parametrize("name", NAMES)
def test_every_name_exists(name):
    parts = name.split(".")
    if parts == ["pyfunc"]:
        return  # whose import has MLflow look at it
    found = importlib.import_module("panna_exp")
    for number, part in enumerate(parts, start=1):
        try:
            found = importlib.import_module(".".join(["panna_exp", *parts[:number]]))
        except ModuleNotFoundError:
            assert hasattr(found, part), f"{name}: there is no {part}"
            found = getattr(found, part)


@pytest.mark.parametrize("name", FILES)
def test_every_file_exists(name):
    assert (ROOT / name).exists()


def test_the_rows_are_those_that_imports_are_checked_by():
    tree = ast.parse((ROOT / "tests/test_layers.py").read_text())
    (rows,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROWS"
    )
    table = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", ARCHITECTURE, re.MULTILINE)
    packages = list(rows[rows.index(("data",)) :])  # below them are single modules
    assert [tuple(re.findall(r"`(\w+)`", row)) for row in table] == packages
