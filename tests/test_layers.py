"""Imports go one way, each heavy library has its owners, and commands/ holds commands."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from panna_exp.cli import COMMANDS

PACKAGE = Path(__file__).resolve().parent.parent / "panna_exp"

# Each row may import the rows above it, and modules of its own row where they are one package.
ROWS = (
    ("errors", "pages", "units", "elements", "files", "run_files", "quantities", "quoting"),
    ("output", "masking", "loop_cache"),
    ("records",),
    ("compiling",),
    ("data",),
    ("descriptors",),
    ("model", "readers", "networks"),
    ("writers",),
    ("training", "tracking", "evaluation"),
    ("config", "reporting"),
    ("assembly", "panna_ini"),
    ("deploy",),
    ("runs", "ase", "predictor"),
    ("commands",),
    ("cli", "pyfunc", "api"),
)
# The one step sideways: networks in memory are made of the arrays that networks on disk are.
ALLOWED = {("model", "networks")}
OWNERS = {
    "hydra": ("config",),
    "omegaconf": ("config", "panna_ini"),
    "mlflow": ("tracking", "pyfunc"),
    "pandas": ("pyfunc", "api"),
    "ase": ("readers", "reporting", "ase", "api"),
    "h5py": ("readers", "writers"),
    "google_crc32c": ("readers",),
    "vesin": ("descriptors",),
    "numba": ("compiling", "loop_cache", "descriptors", "model"),
    "scipy": ("model",),
    "threadpoolctl": ("model",),
    "triton": ("descriptors",),
    "llvmlite": ("loop_cache", "descriptors"),
    "tensorboard": ("tracking",),
    "matplotlib": ("evaluation", "reporting"),
    "optuna": ("runs",),
    "rich": ("commands", "runs", "evaluation"),
    "torch": (
        "data",
        "descriptors",
        "model",
        "training",
        "assembly",
        "deploy",
        "runs",
        "commands",
        "ase",
        "api",
    ),
}
FILES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.parent != PACKAGE or path.stem in {name for row in ROWS for name in row}
]


def unit_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imports_of(path, modules=()):
    """Yields what a file imports; of ``modules`` those, where they are taken from their package."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "panna_exp":
                names = [f"panna_exp.{alias.name}" for alias in node.names]
            own = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from [name for name in own if name in modules] or names
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def row_of(unit):
    return next(number for number, row in enumerate(ROWS) if unit in row)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    unit = unit_of(path)
    for name in imports_of(path):
        root, _, rest = name.partition(".")
        if root in OWNERS:
            assert unit in OWNERS[root], f"{path.name} imports {name}"
        if root != "panna_exp":
            continue
        target = rest.partition(".")[0]
        if not rest or target in (unit, "__version__"):
            continue
        below = row_of(target) < row_of(unit) or (unit, target) in ALLOWED
        same_base = row_of(target) == row_of(unit) == 0
        assert below or same_base, f"{path.name} imports {name}"


def test_config_imports_no_objects():
    plain = {"errors", "elements", "files", "units", "masking", "quoting", "quantities"}
    allowed = {*plain, "networks", "config"}
    # What descriptors are made with, plain numbers, not the descriptors.
    numbers = {f"panna_exp.descriptors.{name}" for name in ("parameters", "bp_parameters")}
    for path in (PACKAGE / "config").rglob("*.py"):
        for name in imports_of(path):
            if name.startswith("panna_exp.") and name not in numbers:
                assert name.split(".")[1] in allowed, f"{path.name} imports {name}"


def test_every_module_has_its_row():
    units = {unit_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__", "__main__"}
    assert units == {name for row in ROWS for name in row}


def test_commands_holds_commands_and_nothing_else():
    found = {path.stem for path in (PACKAGE / "commands").glob("*.py")} - {"__init__"}
    assert found == {command.module for command in COMMANDS.values()}


def test_commands_are_short():
    """What they do is in runs/, where Python reaches it as well."""
    for path in (PACKAGE / "commands").glob("*.py"):
        assert len(path.read_text().splitlines()) < 80, path.name


def test_nobody_knows_the_plugins_but_hydra():
    plugins = PACKAGE.parent / "hydra_plugins"
    for path in PACKAGE.rglob("*.py"):
        assert not any(name.startswith("hydra_plugins") for name in imports_of(path)), path
    private = {name for path in plugins.rglob("*.py") for name in imports_of(path)}
    assert not [name for name in private if name.startswith("hydra._internal")]


def test_no_modules_import_each_other():
    """Neither at the top nor in functions, where circles hide."""
    names = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
        for path in PACKAGE.rglob("*.py")
    }
    graph = {}
    for name, path in names.items():
        found = {item for item in imports_of(path, names) if item.startswith("panna_exp.")}
        graph[name.removesuffix(".__init__")] = found - {name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))
