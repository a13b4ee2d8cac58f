import re
import subprocess

import numpy as np
import pytest

from panna_exp.errors import NetworkError
from panna_exp.networks.masks import read_mask, write_masks
from panna_exp.networks.sums import read_sums, sums_text, unlist, verify, write_listed


def test_sha256sum_reads_the_list(tmp_path):
    write_listed(tmp_path / "a b.npy", b"one")
    write_listed(tmp_path / "c.json", b"two")
    write_listed(tmp_path / "c.json", b"three")
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"a b.npy: OK\nc.json: OK\n")


def test_a_changed_file_is_named_with_what_to_do(tmp_path):
    path = tmp_path / "a.npy"
    write_listed(path, b"one")
    verify(path)
    path.write_bytes(b"onf")
    with pytest.raises(NetworkError, match=re.escape(f"{path}: is damaged: its checksum")):
        verify(path)
    unlist(path)
    verify(path)
    assert read_sums(tmp_path) == {}


def test_other_lines_and_lists_are_left_alone(tmp_path):
    (tmp_path / "SHA256SUMS").write_bytes(b"# mine\n\xff\n" + b"0" * 64 + b"  other\n")
    assert list(read_sums(tmp_path)) == ["other"]
    assert b"other" in sums_text(tmp_path, {"new": b""})
    verify(tmp_path / "other")  # not there: whoever reads it says so


def test_a_mask_that_changed_is_noticed(tmp_path):
    (path,) = write_masks({"H.0.weights": np.ones((2, 2), bool)}, tmp_path)
    assert read_mask(tmp_path, "H", 0, (2, 2)).all()
    content = bytearray(path.read_bytes())
    content[-1] = 0
    content[-2] = 0
    path.write_bytes(content)
    with pytest.raises(NetworkError, match="is damaged"):
        read_mask(tmp_path, "H", 0, (2, 2))
