"""The pages name every command, key and public name, and none that does not exist."""

import ast
import json
import re
import runpy
from pathlib import Path

import pytest

import panna_exp as pe
from panna_exp.cli import COMMANDS
from panna_exp.config.describe import SCHEMAS, choices, group_names, options
from panna_exp.config.keys import is_open, type_of
from panna_exp.config.renamed import current_key

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
GENERATED = ("commands.md", "configuration")


def text_of(path):
    """A page, or a notebook's text and code without what it printed."""
    if path.suffix == ".md":
        return path.read_text()
    parts = []
    for cell in json.loads(path.read_text())["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code":
            language = "bash" if text.startswith("%%") else "python"
            text = f"```{language}\n{text}\n```"
        parts.append(text)
    return "\n\n".join(parts)


WRITTEN = {
    str(path.relative_to(ROOT)): text_of(path)
    for path in (ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted(DOCS.rglob("*.ipynb")))
    if not any(part in GENERATED for part in path.relative_to(ROOT).parts)
}
KEYS = {option.key for schema in SCHEMAS.values() for option in options(schema)}
GROUPS = {key.partition(".")[0] for key in KEYS if "." in key}
KEY = re.compile(rf"(?<![\w./])((?:{'|'.join(sorted(GROUPS))})\.[A-Za-z_]\w*(?:\.\w+)*)")


@pytest.fixture(scope="module")
def reference():
    """The generated pages; Sphinx is not needed for them."""
    return runpy.run_path(str(DOCS / "reference_pages.py"))["pages"]()


def test_every_command_has_its_help(reference):
    for name in COMMANDS:
        (section,) = re.findall(
            rf"^## panna-exp {name}\n(.*?)(?=^## |\Z)", reference["commands.md"], re.M | re.S
        )
        assert len(section) > 100, name


def test_every_key_has_an_entry(reference):
    text = "\n".join(reference.values())
    for schema in SCHEMAS.values():
        for option in options(schema):
            entry = f"{{confval}} {option.key}\n" if "." in option.key else f"| `{option.key}` |"
            assert entry in text, option.key


def test_every_choice_has_a_line(reference):
    for group in {*group_names()} & GROUPS:
        for name in choices(group):
            assert f"| `{group}={name}` |" in reference[f"configuration/{group}.md"]


def test_every_public_name_has_an_entry():
    page = WRITTEN["docs/reference/api.md"]
    for name in {*pe.__all__} - {"__version__"}:
        assert re.search(rf"auto\w+:: panna_exp\.{name}$", page, re.M), name


@pytest.mark.parametrize("name", WRITTEN)
def test_a_page_names_what_there_is(name):
    text = WRITTEN[name]
    for key in KEY.findall(code_of(text)):
        words = current_key(key).split(".")
        assert type_of(words) is not None or is_open(words) or is_file(key) or is_module(key), key
    for command in re.findall(r"panna-exp ([a-z][a-z-]*[a-z])(?![\w-])", code_of(text)):
        assert command in {*COMMANDS, "help"}, command
    for public in re.findall(r"\bpe\.(\w+)", code_of(text)):
        assert public in pe.__all__, public


def code_of(text):
    """What stands in code, in lines or blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return "\n".join([*blocks, *re.findall(r"`([^`]+)`", rest)])


def is_file(name):
    """Files begin with such words as well, ``tracking.jsonl``."""
    return name.rpartition(".")[2] in ("jsonl", "png", "py")


def is_module(name):
    """The map of the code names modules of the same first words, ``training.trainer``."""
    package, module, *_ = name.split(".")
    return (ROOT / "panna_exp" / package / f"{module}.py").exists()


@pytest.mark.parametrize("name", WRITTEN)
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)#\s]+)", WRITTEN[name]):
        path = (ROOT / name).parent / target
        generated = "reference/configuration/" in str(path.resolve()) or path.name == "commands.md"
        assert target.startswith("https://") or generated or path.exists(), target


def test_pages_python_can_be_compiled():
    for name, text in WRITTEN.items():
        for code in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S):
            ast.parse(code, name)


def test_every_page_is_on_the_site():
    pages = {path.resolve() for path in (*DOCS.rglob("*.md"), *DOCS.rglob("*.ipynb"))}
    listed = {DOCS / "index.md"}
    for path in DOCS.rglob("*.md"):
        for block in re.findall(r"```\{toctree\}\n(.*?)```", path.read_text(), re.S):
            for entry in [line for line in block.split() if not line.startswith(":")]:
                stem = (path.parent / entry).resolve()
                listed |= {stem.with_name(f"{stem.name}.md"), stem.with_name(f"{stem.name}.ipynb")}
    assert pages <= listed
