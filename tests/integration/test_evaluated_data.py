"""An evaluation says which data, file and record it is of; nothing is mixed, nothing guessed."""

import json
import re
import shutil

import numpy as np
import pytest

from .pages import Page

TRAIN = (
    "train", "data=ase", "data.species=[H,O]", "network.architecture=[4,1]", "tracking=none",
    "training.max_epochs=1", "training.batch_size=4", "data.train=[train.xyz]",
    "data.validation_fraction=0.25", "io.train_dir=run",
)  # fmt: skip


def waters(path, count, stretch):
    """Unnamed structures whose energies tell no file from another."""
    random = np.random.default_rng(0)
    with path.open("w") as file:
        for number in range(count):
            places = np.array([[0, 0, 0.1], [0, 0.8, -0.4], [0, -0.8, -0.4]])
            places = stretch * (places + random.normal(0, 0.05, (3, 3)))
            file.write(f"3\nProperties=species:S:1:pos:R:3 energy={-2.0 - 0.01 * number}\n")
            for symbol, place in zip("OHH", places, strict=True):
                file.write(f"{symbol} {' '.join(map(repr, place.tolist()))}\n")


@pytest.fixture(scope="module")
def trained(shared_program):
    waters(shared_program.folder / "train.xyz", 12, 1.0)
    waters(shared_program.folder / "test_MD.xyz", 12, 1.3)
    shared_program.run(*TRAIN)
    shared_program.run("evaluate", "run_dir=run", "data.test=test_MD.xyz")
    return shared_program


def record(folder):
    facts = json.loads((folder / "evaluation_data.json").read_text())
    lines = (folder / "evaluation_records.tsv").read_text().splitlines()
    return facts, [[int(cell) for cell in line.split("\t")] for line in lines[1:]]


def test_each_evaluation_names_file_and_record(trained):
    own, records = record(trained.folder / "run/evaluate")
    assert own["name"] == "validation"
    assert own["files"][0]["path"] == str(trained.folder / "train.xyz")
    # Three of twelve, in the order of the .dat file; energies are -2 - record / 100.
    (dat,) = (trained.folder / "run/evaluate").glob("*.dat")
    energies = [float(line.split()[2]) for line in dat.read_text().splitlines()[1:]]
    assert [round(-100 * (energy + 2)) for energy in energies] == [row[1] for row in records]
    assert len(records) == 3
    assert all(row[2:] == [2, 1] for row in records)
    other, records = record(trained.folder / "run/evaluate/test_MD")
    assert other["name"] == "test_MD"
    assert [row[:2] for row in records] == [[0, number] for number in range(12)]


def test_other_data_have_a_folder_and_are_named_everywhere(trained):
    folder = trained.folder / "run/evaluate"
    (own,), (other,) = folder.glob("*.dat"), folder.glob("test_MD/*.dat")
    assert len(own.read_text().splitlines()) == 4  # not overwritten by the test data
    assert own.name == other.name
    for path, name in ((own, "validation"), (other, "test_MD")):
        assert json.loads(path.with_suffix(".json").read_text())["data"]["name"] == name
    done = trained.run("evaluate", "run_dir=run", "data.test=test_MD.xyz")
    assert re.search(r"^epoch_1_step_\d+.*, on test_MD:$", done.stdout, re.M)
    assert "run/evaluate/test_MD/" in done.stdout
    done = trained.run("evaluate", "run_dir=run")
    assert re.search(r"^epoch_1_step_\d+.*, on validation data:$", done.stdout, re.M)


def test_data_of_the_same_name_but_other_contents_do_not_meet(trained):
    folder = trained.folder / "elsewhere"
    folder.mkdir()
    waters(folder / "test_MD.xyz", 5, 1.1)
    trained.run("evaluate", "run_dir=run", "data.test=elsewhere/test_MD.xyz")
    places = sorted(path.name for path in (trained.folder / "run/evaluate").glob("test_MD*/"))
    assert len(places) == 2
    (dat,) = (trained.folder / "run/evaluate/test_MD").glob("*.dat")
    assert len(dat.read_text().splitlines()) == 13
    shutil.rmtree(trained.folder / "run/evaluate" / places[1])


def test_the_report_shows_the_records_of_each_data_set(trained):
    trained.run("report", "run")
    page = Page(trained.folder / "run/report.html")
    worst = page.sections["worst"]
    own, other = worst.split("test_MD ", 1)
    assert len(re.findall(r"train\.xyz, \d+", own)) == 3
    assert "test_MD.xyz" not in own
    assert len(re.findall(r"test_MD\.xyz, \d+", other)) == 8
    assert "train.xyz" not in other
    assert len(page.pictures) == 1 + 2 + 3 + 8
    # A file that changed since is not drawn.
    path = trained.folder / "test_MD.xyz"
    text = path.read_text()
    path.write_text(text.replace("-2.0", "-2.5"))
    try:
        trained.run("report", "run")
    finally:
        path.write_text(text)
    page = Page(trained.folder / "run/report.html")
    assert "test_MD.xyz was changed after it was evaluated" in page.sections["worst"]
    assert len(page.pictures) == 1 + 2 + 3


def test_an_evaluation_that_does_not_say_shows_no_structure(trained):
    run = trained.folder / "older"
    shutil.copytree(trained.folder / "run", run)
    for path in run.glob("evaluate/**/evaluation_*"):
        path.unlink()
    trained.run("report", "older")
    page = Page(run / "report.html")
    assert "does not say which records of which files" in page.sections["worst"]
    assert "xyz" not in page.sections["worst"]
    assert len(page.pictures) == 1 + 1
