"""JSON that is nested without end is a damaged file like any other."""

import pytest

from panna_exp.assembly.committee import members_of
from panna_exp.assembly.model_folder import read_members
from panna_exp.errors import PannaExpError
from panna_exp.files import read_json
from panna_exp.networks.ranges import read_ranges
from panna_exp.networks.repulsion import read_repulsion
from panna_exp.runs.sweep import read_result

DEEP = "[" * 100_000


def test_what_a_file_holds(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + '{"Ü": [1]}'.encode())  # as some editors save text
    assert read_json(path) == {"Ü": [1]}
    for wrong in (DEEP.encode(), b"{", b"\xff"):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match=r"."):
            read_json(path)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("descriptor_ranges.json", lambda folder: read_ranges(folder, ("H",), 4)),
        ("repulsion.json", lambda folder: read_repulsion(folder, ("H",))),
        ("committee.json", members_of),
        ("potential.json", read_members),
        ("result.json", read_result),
    ],
)
def test_files_of_ours_that_are_nested_without_end(tmp_path, name, read):
    (tmp_path / name).write_text(DEEP)
    with pytest.raises(PannaExpError, match=name):
        read(tmp_path)
