import os
from threading import Event

import pytest

from panna_exp.files import (
    discard_parts,
    flushed_meanwhile,
    locked,
    open_lock,
    remove_parts,
    replacing,
    write_atomic,
    write_text_atomic,
)


@pytest.fixture
def umask():
    """Sets the process's umask; it is set back."""
    before = os.umask(0)
    yield os.umask
    os.umask(before)


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_a_file_is_made_with_its_folders(tmp_path):
    write_text_atomic(tmp_path / "a/b/c.txt", "Übung")
    assert (tmp_path / "a/b/c.txt").read_text(encoding="utf-8") == "Übung"
    assert names(tmp_path / "a/b") == ["c.txt"]


def test_a_block_that_raises_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def interrupted():
        with replacing(path) as part:
            part.write_bytes(b"half")
            assert part.parent == tmp_path
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_step_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(step, full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_what_was_written_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    path, seen = tmp_path / "a", []
    fsync = os.fsync

    def watched(descriptor):
        seen.append((os.fstat(descriptor).st_size, path.exists()))
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", watched)
    write_atomic(path, lambda file: file.write(b"x" * 100))
    # The file first, then, renamed, its folder.
    assert seen[0] == (100, False)
    assert len(seen) == 2
    assert seen[1][1]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_those_that_the_user_wants(tmp_path, umask, mask, mode):
    umask(mask)
    write_text_atomic(tmp_path / "a", "")
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode


def test_what_a_killed_process_left_is_removed(tmp_path):
    for name in (".a.h5.x1y2z3_w.part", ".b.h5.x1y2z3_w.part", ".a.h5.part", "a.h5"):
        (tmp_path / name).touch()
    (tmp_path / ".a.h5.abcdefgh.part").mkdir()
    remove_parts(tmp_path, {"a.h5"})
    left = {".b.h5.x1y2z3_w.part", ".a.h5.part", "a.h5"}  # folders of networks are staged, too
    assert {path.name for path in tmp_path.iterdir()} == left


def test_a_process_that_is_about_to_end_discards_what_it_writes(tmp_path):
    def write(file):
        (part,) = tmp_path.iterdir()
        discard_parts()
        assert not part.exists()

    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "a", write)
    write_atomic(tmp_path / "b", lambda file: None)
    discard_parts()
    assert names(tmp_path) == ["b"]


def test_what_is_flushed_meanwhile(tmp_path, monkeypatch):
    flushed = Event()
    monkeypatch.setattr("os.fsync", lambda _: flushed.set())
    path = tmp_path / "a"
    path.write_bytes(b"1")
    with flushed_meanwhile(path):
        assert flushed.wait(60)


def test_a_disk_that_fails_meanwhile(tmp_path, monkeypatch):
    failed = Event()

    def fail(_):
        failed.set()
        raise OSError(28, "full")

    monkeypatch.setattr("os.fsync", fail)
    path = tmp_path / "a"
    path.write_bytes(b"1")
    with pytest.raises(OSError, match="full"), flushed_meanwhile(path):
        assert failed.wait(60)
    with pytest.raises(ValueError, match="own"), flushed_meanwhile(path):
        raise ValueError("own")


def test_a_lock_empties_nothing_and_follows_no_link(tmp_path):
    own, precious, link = tmp_path / ".lock", tmp_path / "precious", tmp_path / "link"
    own.write_text("kept")
    precious.write_text("of the user's")
    link.symlink_to(precious)
    with locked(own):
        assert own.read_text() == "kept"
    with pytest.raises(OSError, match="is a symbolic link") as caught:
        open_lock(link)
    assert caught.value.filename == str(link)
    assert precious.read_text() == "of the user's"
    link.unlink()
    link.symlink_to(tmp_path / "not there")
    with pytest.raises(OSError, match="is a symbolic link"):
        open_lock(link)
    assert not (tmp_path / "not there").exists()


def test_a_pipe_in_a_locks_place_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / ".lock")
    with pytest.raises(OSError, match="is not a plain file"):
        open_lock(tmp_path / ".lock")


def test_an_error_of_a_write_names_the_file(tmp_path):
    def full(_):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space") as caught:
        write_atomic(tmp_path / "a", full)
    assert caught.value.filename == str(tmp_path / "a")
