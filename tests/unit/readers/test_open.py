import logging
import shutil

import numpy as np
import pytest

from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import open_structures, tfrecord

SPECIES = Species(("H", "C", "O", "N"))


def write(path, energy=1.0, size=4):
    record = {
        "energy": np.array([energy], np.float32),
        "species": np.array([0, 2]),
        "gvects": np.ones(2 * size, np.float32),
    }
    tfrecord.write_records(path, [tfrecord.encode_example(record)])
    return path


@pytest.fixture
def folder(tmp_path):
    for number in (10, 2, 1):
        write(tmp_path / f"train-{number}-10.tfrecord", energy=float(number))
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_a_folder_is_read_in_natural_order(folder):
    loaded = open_structures([str(folder)], SPECIES)
    assert loaded.structures.energy.tolist() == [1.0, 2.0, 10.0]
    assert [file.path.name for file in loaded.files] == [
        "train-1-10.tfrecord",
        "train-2-10.tfrecord",
        "train-10-10.tfrecord",
    ]
    assert [file.num_records for file in loaded.files] == [1, 1, 1]


def test_globs_lists_and_relative_paths(folder):
    assert len(open_structures(["train-1*"], SPECIES, base=folder).structures) == 2
    names = ["train-2-10.tfrecord", "train-1-10.tfrecord"]
    found = open_structures(names, SPECIES, base=folder).structures
    assert found.energy.tolist() == [2.0, 1.0]


def test_the_fingerprint_is_of_the_content_not_of_the_place(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("copy")
    shutil.copytree(folder, other, dirs_exist_ok=True)
    first = open_structures([str(folder)], SPECIES).fingerprint
    assert open_structures([str(other)], SPECIES).fingerprint == first
    write(other / "train-2-10.tfrecord", energy=3.0)
    assert open_structures([str(other)], SPECIES).fingerprint != first


def test_the_data_set_that_ships():
    loaded = open_structures(["builtin:tutorial_validation.h5"], SPECIES)
    assert len(loaded.structures) == 180
    with pytest.raises(DataError, match=r"did you mean 'tutorial_train\.h5'"):
        open_structures(["builtin:tutorial_trian.h5"], SPECIES)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("train-3-10.tfrecord", "no such file or directory, did you mean 'train-.-10.tfrecord'"),
        ("nothing*", r"nothing\*: no file in .* matches"),
        ("notes.txt", "unknown suffix '.txt', expected one of .tfrecord"),
        ("empty", "no data files .* in this directory: it is empty"),
        ("other", r"no data files .*it holds a\.xyz"),
    ],
)
def test_paths_that_give_nothing(folder, path, message):
    (folder / "empty").mkdir()
    (folder / "other").mkdir()
    (folder / "other/a.xyz").touch()
    with pytest.raises(DataError, match=message):
        open_structures([path], SPECIES, base=folder)


def test_mixed_kinds_are_refused(folder):
    (folder / "a.example").write_text("{}")
    with pytest.raises(DataError, match=r"files of several kinds: .*choose data\.kind"):
        open_structures([str(folder)], SPECIES)
    assert len(open_structures([str(folder)], SPECIES, kind="tfrecord").structures) == 3


def test_different_g_size_between_files_is_refused(folder):
    write(folder / "train-3-10.tfrecord", size=5)
    with pytest.raises(DataError, match=r"train-3-10.*have 5 components, but those of .*have 4"):
        open_structures([str(folder)], SPECIES)


def test_zero_forces_are_one_warning(tmp_path, caplog, shared):
    source = shared / "data/panna_tutorial/simulations"
    logging.getLogger("panna_exp").propagate = True
    with caplog.at_level(logging.WARNING, "panna_exp"):
        loaded = open_structures([str(source)], SPECIES)
    assert loaded.structures.forces is None
    (record,) = caplog.records
    assert "the forces of 10 of 10 structures are all exactly zero" in record.getMessage()
