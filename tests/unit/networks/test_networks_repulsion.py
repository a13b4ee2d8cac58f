"""The file of a potential's repulsion."""

import json

import numpy as np
import pytest

from panna_exp.descriptors.repulsion import Repulsion
from panna_exp.errors import NetworkError
from panna_exp.networks.repulsion import FILE_NAME, read_repulsion, write_repulsion

OUTER = np.array([[0.7, 0.9], [0.9, 1.3]])


def test_it_comes_back(tmp_path):
    (path,) = write_repulsion(Repulsion(("H", "C"), OUTER), tmp_path)
    assert json.loads(path.read_text())["outer"] == {"H-H": 0.7, "H-C": 0.9, "C-C": 1.3}
    found = read_repulsion(tmp_path, ("H", "C"))
    np.testing.assert_array_equal(found.outer, OUTER)
    assert found.symbols == ("H", "C")
    assert write_repulsion(None, tmp_path) == []
    assert read_repulsion(tmp_path, ("H", "C")) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("null", "holds null: extract again"),
        ("[]", 'expected a JSON object with "format": "panna_exp repulsion"'),
        ('{"outer": {"H-H": -1}}', "'outer' has no distance for H-H"),
        ('{"outer": [1]}', "'outer' has no distance for H-H"),
        ('{"outer": {"C-C": 1}}', "'outer' has no distance for H-H"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, content, message):
    if content.startswith('{"outer"'):
        known = {"format": "panna_exp repulsion", "format_version": 1, "kind": "zbl"}
        content = json.dumps({**known, **json.loads(content)})
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(NetworkError, match=message):
        read_repulsion(tmp_path, ("H",))
