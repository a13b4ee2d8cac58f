import json
import logging
import shutil

import numpy as np
import pytest

from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import ReadOptions, hdf5, open_structures, tfrecord

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
        ("other", r"no data files .*it holds a\.pdb"),
    ],
)
def test_paths_that_give_nothing(folder, path, message):
    (folder / "empty").mkdir()
    (folder / "other").mkdir()
    (folder / "other/a.pdb").touch()
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


@pytest.fixture
def warnings(caplog, monkeypatch):
    """The messages of level WARNING."""
    monkeypatch.setattr(logging.getLogger("panna_exp"), "propagate", True)
    caplog.set_level(logging.WARNING, "panna_exp")
    return caplog


def example(path, forces):
    atoms = [[1, "O", [0, 0, 0], forces], [2, "H", [0, 0, 1], forces]]
    path.write_text(json.dumps({"atoms": atoms, "energy": [-1, "eV"]}))


def test_zero_forces_are_one_warning(tmp_path, warnings):
    for number, forces in enumerate(([0, 0, 0], [0, 0, 1], [0, 0, 0])):
        example(tmp_path / f"{number}.example", forces)
    loaded = open_structures([str(tmp_path)], SPECIES)
    assert (
        np.isnan(loaded.structures.forces[:, 2]).tolist() == [True] * 2 + [False] * 2 + [True] * 2
    )
    assert warnings.messages == [
        "the forces of 2 of 3 structures are all exactly zero and count as missing, "
        f"first {tmp_path / '0.example'}"
    ]


def test_zero_forces_are_kept_where_the_user_says_so(tmp_path, warnings):
    example(tmp_path / "a.example", [0, 0, 0])
    dropped = open_structures([str(tmp_path)], SPECIES)
    assert dropped.structures.forces is None
    warnings.clear()
    kept = open_structures([str(tmp_path)], SPECIES, options=ReadOptions(zero_forces="keep"))
    assert kept.structures.forces.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert warnings.messages == []
    # Other choices are other data: a resumed training must see the difference.
    assert kept.fingerprint != dropped.fingerprint


def test_options_that_mean_nothing_for_a_format_are_refused(folder):
    with pytest.raises(
        DataError,
        match=r"train-1-10\.tfrecord: energy_key=dft_energy \(data\.energy_key, --energy-key\) "
        "has no meaning for PANNA's TFRecords: leave it out",
    ):
        open_structures([str(folder)], SPECIES, options=ReadOptions(energy_key="dft_energy"))


def test_a_file_that_is_named_twice_is_a_warning(folder, warnings):
    file = folder / "train-1-10.tfrecord"
    loaded = open_structures([str(folder), f"{folder}/../{folder.name}/{file.name}"], SPECIES)
    assert len(loaded.structures) == 4
    assert warnings.messages == [f"{file} is named 2 times: its structures count as often"]


def test_good_data_give_no_warning(folder, warnings):
    open_structures([str(folder)], SPECIES)
    assert warnings.messages == []


def test_what_the_system_refuses_is_one_line(folder, monkeypatch):
    """As a network file system that went away: such errors name no file."""

    def gone(path):
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr("pathlib.Path.read_bytes", gone)
    file = folder / "train-1-10.tfrecord"
    with pytest.raises(DataError, match=rf"^{file}: cannot be read \(Stale file handle\)$"):
        open_structures([str(file)], SPECIES)


@pytest.mark.parametrize(
    ("infos", "cause"),
    [
        ([{"type": "mBP", "generation": g} for g in "AB"], "generation is 'B', not 'A'"),
        ([{"type": "mBP"}, {"type": "mBP", "size": 4}], "size is 4, not 'missing'"),
        ([{"type": "mBP", "size": None}, {"type": "mBP"}], "size is 'missing', not None"),
        ([{"type": "mBP"}, None], "only the latter says what made them"),
        ([None, {"type": "mBP"}], "only the former says what made them"),
    ],
)
def test_stored_descriptors_of_two_kinds_are_refused(tmp_path, infos, cause):
    for number, info in enumerate(infos):
        structure = Structure(
            origin="",
            name="",
            species=np.array([0]),
            energy=0.0,
            descriptors=np.ones((1, 4), np.float32),
        )
        hdf5.write_hdf5(
            tmp_path / f"{number}.h5", StructureSet.from_structures([structure], info), SPECIES
        )
    message = rf"1\.h5: its descriptors are not those of .*0\.h5 \({cause}\): name files"
    with pytest.raises(DataError, match=message):
        open_structures([str(tmp_path)], SPECIES)
