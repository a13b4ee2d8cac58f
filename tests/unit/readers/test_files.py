import hashlib
from pathlib import Path

import pytest

from panna_exp.errors import DataError
from panna_exp.readers.files import find_files, natural, sha256_of

SUFFIXES = {"tfrecord": (".tfrecord",), "example": (".example",), "hdf5": (".h5", ".hdf5")}


@pytest.fixture
def folder(tmp_path):
    for name in ("sets/1/b-10.h5", "sets/1/b-9.h5", "sets/2/a.hdf5", "sets/2/.a.h5", "x/a.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def find(folder, *paths, kind=None):
    return [
        (str(path.relative_to(folder)), found)
        for path, found in find_files(paths, kind, folder, SUFFIXES)
    ]


def test_files_come_in_the_order_named(folder):
    assert find(folder, "sets/2/a.hdf5", str(folder / "sets/1/b-9.h5")) == [
        ("sets/2/a.hdf5", "hdf5"),
        ("sets/1/b-9.h5", "hdf5"),
    ]


def test_a_folder_gives_its_known_files_in_natural_order(folder):
    (folder / "sets/1/c.h5").mkdir()
    (folder / "sets/1/notes.txt").touch()
    assert find(folder, "sets/1") == [("sets/1/b-9.h5", "hdf5"), ("sets/1/b-10.h5", "hdf5")]


def test_hidden_files_of_a_folder_are_left_out(folder):
    assert find(folder, "sets/2") == [("sets/2/a.hdf5", "hdf5")]


def test_a_glob_of_files_in_natural_order_of_folders_and_names(folder):
    (folder / "sets/10").mkdir()
    (folder / "sets/10/a.h5").touch()
    names = ["sets/1/b-9.h5", "sets/1/b-10.h5", "sets/2/a.hdf5", "sets/10/a.h5"]
    assert [name for name, _ in find(folder, "sets/*/*.h*5")] == names
    assert [name for name, _ in find(folder, "sets/**/*.h*5")] == names


def test_a_glob_of_folders_gives_their_files(folder):
    names = ["sets/1/b-9.h5", "sets/1/b-10.h5", "sets/2/a.hdf5"]
    assert [name for name, _ in find(folder, "sets/[12]")] == names


def test_a_file_whose_name_looks_like_a_glob(folder):
    (folder / "a[1].h5").touch()
    assert find(folder, "a[1].h5") == [("a[1].h5", "hdf5")]


def test_a_glob_below_a_folder_whose_name_looks_like_one(folder):
    base = folder / "run[1]"
    base.mkdir()
    (base / "a.h5").touch()
    assert find_files(["*.h5"], None, base, SUFFIXES) == [(base / "a.h5", "hdf5")]


def test_the_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert find(folder, "~/sets/2/a.hdf5", "~/sets/2/*.hdf5") == [("sets/2/a.hdf5", "hdf5")] * 2


def test_a_kind_that_is_named_overrules_the_suffix_of_a_file(folder):
    assert find(folder, "x/a.txt", kind="hdf5") == [("x/a.txt", "hdf5")]


def test_files_that_programs_name_themselves_are_for_ase(folder):
    for name in ("OUTCAR", "OUTCAR.gz", "vasprun.xml", "si.pwo"):
        (folder / f"x/{name}").touch()
        assert find(folder, f"x/{name}") == [(f"x/{name}", "ase")]
    assert find(folder, "*/OUTCAR", kind="hdf5") == [("x/OUTCAR", "hdf5")]
    # Those of one calculation are the same structures: a folder of them is not data.
    with pytest.raises(DataError, match="/x: no data files"):
        find(folder, "x")


def test_a_kind_that_is_named_chooses_the_files_of_a_folder(folder):
    (folder / "sets/1/a.example").touch()
    assert find(folder, "sets/1", kind="example") == [("sets/1/a.example", "example")]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("sets/1/b-8.h5", r"/sets/1/b-8\.h5: no such file or directory, did you mean 'b-.+\.h5'\?"),
        ("stes/1/b-9.h5", r"/stes/1/b-9\.h5: no such file or directory 'stes' in .*'sets'\?"),
        ("sets/1/b-9.h5/c.h5", r"c\.h5: no such file or directory$"),
        ("zzz", "/zzz: no such file or directory$"),
        ("builtin:nothing.h5", r"nothing\.h5: no such file or directory"),
        ("x/a.txt", r"unknown suffix '\.txt', expected one of .*: choose data\.kind"),
        ("*/a.txt", r"unknown suffix '\.txt'"),
        ("empty", r"/empty: no data files \(\.tfrecord, .*\) in this directory: it is empty"),
        ("x", r"/x: no data files .* in this directory: it holds a\.txt"),
        ("sets", r"/sets: no data files .* in this directory: it holds 1/, 2/"),
        ("sets/*.h5", r"sets/\*\.h5: no file in .* matches"),
        ("e*", "/empty: no data files .* it is empty"),
    ],
)
def test_paths_that_give_nothing_say_why(folder, path, message):
    with pytest.raises(DataError, match=message) as caught:
        find(folder, path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["sets/1", "sets/1/*", "sets/1/gone.h5"])
def test_a_link_that_leads_nowhere_is_not_passed_over(folder, path):
    (folder / "sets/1/gone.h5").symlink_to("/not/here.h5")
    message = r"sets/1/gone\.h5: is a link to /not/here\.h5, which does not exist$"
    with pytest.raises(DataError, match=message):
        find(folder, path)


def test_links_to_files_are_files(folder):
    (folder / "links").mkdir()
    (folder / "links/a.h5").symlink_to(folder / "sets/1/b-9.h5")
    (folder / "links/b.h5").symlink_to(folder / "sets")
    assert find(folder, "links") == [("links/a.h5", "hdf5")]


def test_a_folder_without_files_of_the_kind_named(folder):
    with pytest.raises(
        DataError, match=r"no data files \(\.example\).* it holds b-9\.h5, b-10\.h5"
    ):
        find(folder, "sets/1", kind="example")


def test_of_a_full_folder_a_few_names_are_shown(folder):
    for number in range(20):
        (folder / f"x/{number}.log").touch()
    with pytest.raises(DataError, match=r"it holds 0\.log, 1\.log, .*4\.log and 16 more$"):
        find(folder, "x")


def test_no_paths(folder):
    with pytest.raises(DataError, match="no data files are named"):
        find(folder)


@pytest.mark.parametrize("paths", [("mixed",), ("mixed/*",), ("mixed/a.h5", "mixed/b.example")])
def test_mixed_kinds_name_a_file_of_each(folder, paths):
    (folder / "mixed").mkdir()
    (folder / "mixed/a.h5").touch()
    (folder / "mixed/b.example").touch()
    message = r"files of several kinds: .*b\.example \(example\), .*a\.h5 \(hdf5\): .*data\.kind"
    with pytest.raises(DataError, match=message):
        find(folder, *paths)


def test_natural_order():
    names = ["a10/b1", "a9/b2", "a9/b10", "a9", "9", "b", "²"]
    ordered = sorted((Path(name) for name in names), key=natural)
    assert [str(path) for path in ordered] == ["9", "a9", "a9/b2", "a9/b10", "a10/b1", "b", "²"]


def test_hash(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"content")
    assert sha256_of(path) == hashlib.sha256(b"content").hexdigest()
