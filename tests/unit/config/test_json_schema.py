"""The JSON schema for editors has every key and takes what ships."""

import json

import pytest
import yaml

from panna_exp.config.describe import SCHEMAS, options
from panna_exp.config.folders import conf_dir

WHOLE = json.loads((conf_dir() / "schema.json").read_text())
SHIPPED = sorted(conf_dir().rglob("*.yaml"))
LINE = "# yaml-language-server: $schema=schema.json"


def mistakes(values, folder=""):
    """What an editor would underline in a file of a folder of ``conf``."""
    jsonschema = pytest.importorskip("jsonschema")
    referencing = pytest.importorskip("referencing")
    content = json.loads((conf_dir() / folder / "schema.json").read_text())
    if "$ref" in content:
        content = {"$ref": f"schema.json{content['$ref'].removeprefix('../schema.json')}"}
    resource = referencing.Resource.from_contents(WHOLE)
    registry = referencing.Registry().with_resource("schema.json", resource)
    checked = jsonschema.Draft7Validator(content, registry=registry)
    return [error.message for error in checked.iter_errors(values)]


def test_it_has_every_key():
    for schema in SCHEMAS.values():
        for option in options(schema):
            place = WHOLE
            for word in option.key.split("."):
                place = place["properties"][word]
            assert place["description"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(conf_dir())))
def test_shipped_files_name_it_in_their_header(path):
    header = path.read_text().splitlines()[:2]
    assert LINE in header
    assert header.index(LINE) == (1 if header[0].startswith("# @package") else 0)


def test_shipped_files_fit():
    for path in SHIPPED:
        folder = "" if path.parent == conf_dir() else path.parent.name
        assert mistakes(yaml.safe_load(path.read_text()) or {}, folder) == [], path


@pytest.mark.parametrize(
    ("folder", "values"),
    [
        ("training", {"lerning_rate": 0.1}),
        ("training", {"learning_rate_schedule": "cosin"}),
        ("network", {"species": {"H": {"architectur": [8, 1]}}}),
        ("experiment", {"training": {"batch_size": "many"}}),
        ("data", {"species": "H"}),
    ],
)
def test_an_editor_sees_a_mistake(folder, values):
    assert len(mistakes(values, folder)) == 1


def test_interpolations_and_nothing_are_no_mistakes():
    values = {"batch_size": "${training.max_epochs}", "patience": None, "loss_function": "quad"}
    assert mistakes(values, "training") == []
