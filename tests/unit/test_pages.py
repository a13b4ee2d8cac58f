"""Mistakes end with the page that explains them, which exists."""

import re
from pathlib import Path

import pytest

from panna_exp import pages
from panna_exp.cli import COMMANDS, main
from panna_exp.errors import CheckpointError, ConfigError, DataError, NetworkError

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_page_and_section_exists():
    subjects = [page for _, page in pages.OF_SUBJECTS]
    named = {*subjects, *pages.OF_KINDS.values(), *pages.OF_COMMANDS.values()}
    for page in {pages.OF_NOTHING, "how-to/configuration.md", *named}:
        file, _, section = page.partition("#")
        titles = re.findall(r"^#+ (.*)", (DOCS / file).read_text(), re.MULTILINE)
        assert not section or section in [anchor(title) for title in titles], page


def anchor(title):
    """Of a heading, as GitHub and the site make them."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_every_command_has_one():
    assert {*pages.OF_COMMANDS} == {*COMMANDS}


@pytest.mark.parametrize(
    ("problem", "kind", "command", "page"),
    [
        ("training.batchsize: no such key", ConfigError, "train", "how-to/configuration.md"),
        ("output=x: expected .pt", ConfigError, "export", "how-to/deployment.md"),
        ("no command given", ConfigError, None, "index.md"),
        ("a.xyz: record 3: no energy", DataError, "train", "how-to/own-data.md"),
        ("data.train=a.xyz: no such file", ConfigError, "train", "how-to/own-data.md"),
        (
            "energy_unit=Haa: unknown",
            ConfigError,
            "convert",
            "how-to/own-data.md#names-units-signs",
        ),
        ("a.pt: is damaged: cut", CheckpointError, "train", "reference/damaged-files.md"),
        ("w: no such folder or file", NetworkError, None, "reference/file-formats.md#networks"),
        ("sweep.trials=x: expected a number", ConfigError, "train", "how-to/sweeps.md"),
    ],
)
def test_the_page_is_that_of_the_subject_the_kind_or_the_command(problem, kind, command, page):
    assert pages.of_mistake(problem, kind, command) == page


def test_problems_that_share_a_page_name_it_once():
    problems = ["sweep.a: x", "sweep.b: x", "seed: x", "seed: y (docs/index.md)"]
    assert pages.with_pages(problems, ConfigError, "train") == [
        "sweep.a: x",
        "sweep.b: x (docs/how-to/sweeps.md)",
        "seed: x",
        "seed: y (docs/index.md)",
    ]


def test_the_line_ends_with_it(capsys):
    assert main(["evalute"]) == 2
    assert capsys.readouterr().err.endswith("did you mean 'evaluate'? (docs/index.md)\n")
    assert main(["convert", "nothing.xyz", "out.h5"]) == 2
    assert capsys.readouterr().err.endswith("(docs/how-to/own-data.md)\n")
