"""What is named that keeps a run from being repeated."""

import hashlib

import pytest

from panna_exp.assembly.repeat import added_files, changed_files, changed_versions
from panna_exp.config.schema import DataConfig

BEFORE = {
    "panna_exp": "0.1.0",
    "source_sha256": "a" * 64,
    "python": "3.12",
    "packages": {"torch": "2.0", "numpy": "2.1"},
    "platform": "Linux",
    "cpus": 2,
    "device": "cpu",
}


def test_files_that_changed_or_are_gone(tmp_path):
    for name in ("same", "other", "sampled"):
        (tmp_path / name).write_text(name)
    checksum = hashlib.sha256(b"same").hexdigest()
    recorded = {"same": checksum, "other": checksum, "gone": checksum, "sampled": "sampled:x"}
    assert changed_files(recorded, tmp_path) == [
        f"{tmp_path}/other: has changed since the run",
        f"{tmp_path}/gone: is not there any more",
    ]


def test_files_that_were_added_to_folders_and_globs(tmp_path):
    for name in ("set/a.h5", "set/b.h5", "v_1.h5", "v_2.h5"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    config = DataConfig(train="set", validation="v_*.h5")
    everything = {
        "train": [f"{tmp_path}/set/a.h5", f"{tmp_path}/set/b.h5"],
        "validation": [f"{tmp_path}/v_1.h5", f"{tmp_path}/v_2.h5"],
    }
    assert added_files(config, everything, tmp_path) == []
    before = {part: paths[:1] for part, paths in everything.items()}
    assert added_files(config, before, tmp_path) == [
        f"{tmp_path}/set/b.h5: is new, the run did not read it (data.train)",
        f"{tmp_path}/v_2.h5: is new, the run did not read it (data.validation)",
    ]
    (found,) = added_files(DataConfig(train="nowhere.h5"), {"train": []}, tmp_path)
    assert "nowhere.h5: no such file or directory" in found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"packages": {"torch": "2.1", "numpy": "2.1"}}, ["torch: 2.0 then, 2.1 now"]),
        ({"device": "cuda"}, ["device: cpu then, cuda now"]),
        (
            {"source_sha256": "b" * 64},
            [f"panna_exp's source files (sha256): {'a' * 12} then, {'b' * 12} now"],
        ),
    ],
)
def test_other_programs_machines_and_devices(changes, expected):
    assert changed_versions(BEFORE, {**BEFORE, **changes}) == expected


def test_what_an_old_record_does_not_say_is_unknown():
    before = {key: value for key, value in BEFORE.items() if key != "source_sha256"}
    (found,) = changed_versions(before, BEFORE)
    assert found == f"panna_exp's source files (sha256): unknown then, {'a' * 12} now"
