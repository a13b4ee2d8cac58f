import re
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import tfrecord
from panna_exp.readers.tf_example import WireError

SPECIES = Species(("H", "O"))


def features(energy=-3.5, species=(0, 1, 0), size=4, **extra):
    values = {
        "energy": np.array([energy], dtype=np.float32),
        "species": np.array(species, dtype=np.int64),
        "gvects": np.arange(len(species) * size, dtype=np.float32),
        "name": b"abc",
    }
    values |= extra
    return {key: value for key, value in values.items() if value is not None}


def without_species(**extra):
    return {key: value for key, value in features(**extra).items() if key != "species"}


def write(path, *records):
    tfrecord.write_records(path, [tfrecord.encode_example(record) for record in records])
    return path


@pytest.fixture
def good(tmp_path):
    return write(tmp_path / "a.tfrecord", features(), features(energy=7.0, species=(1,)))


def test_records_read_back(good):
    found = tfrecord.read(good, SPECIES)
    assert list(found.names) == ["abc", "abc"]
    assert found.energy.tolist() == [-3.5, 7.0]
    assert found.offsets.tolist() == [0, 3, 4]
    assert found.species.tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(found.descriptors[:3].ravel(), np.arange(12))
    assert found.forces is None
    assert found.origins[1] == f"{good}, record 1 'abc'"


def test_forces_of_some_records(tmp_path):
    forces = np.arange(9, dtype=np.float32)
    path = write(tmp_path / "a.tfrecord", features(forces=forces), features())
    found = tfrecord.read(path, SPECIES)
    np.testing.assert_array_equal(found.forces[:3].ravel(), forces)
    assert np.isnan(found.forces[3:]).all()


def test_forces_that_are_all_zero_count_as_missing(tmp_path):
    forces = np.arange(9, dtype=np.float32)
    records = [features(forces=0 * forces), features(forces=forces), features()]
    path = write(tmp_path / "a.tfrecord", *records)
    found = tfrecord.read(path, SPECIES)
    assert np.isnan(found.forces).all(axis=1).tolist() == [True] * 3 + [False] * 3 + [True] * 3
    assert found.zero_forces == (f"{path}, record 0 'abc'",)
    found = tfrecord.read(write(path, records[0], features()), SPECIES)
    assert found.forces is None
    assert len(found.zero_forces) == 1


def test_energies_are_not_rounded_again(tmp_path):
    energy = float(np.float32(-2078.5692723))
    found = tfrecord.read(write(tmp_path / "a.tfrecord", features(energy=energy)), SPECIES)
    assert found.energy.dtype == np.float64
    assert found.energy[0] == energy


def test_unpacked_lists_and_negative_integers():
    values = tfrecord.parse_example(
        memoryview(tfrecord.encode_example({"a": np.array([-1, 300, 2**40])}))
    )
    assert values["a"].tolist() == [-1, 300, 2**40]
    # FloatList with two separate fixed32 fields, as old writers make them.
    feature = bytes([0x12, 10, 0x0D, 0, 0, 0x80, 0x3F, 0x0D, 0, 0, 0, 0x40])
    entry = bytes([0x0A, 1, ord("x"), 0x12, len(feature)]) + feature
    example = bytes([0x0A, len(entry) + 2, 0x0A, len(entry)]) + entry
    assert tfrecord.parse_example(memoryview(example))["x"].tolist() == [1.0, 2.0]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_one_flipped_bit_anywhere_is_found_and_located(good, data):
    content = bytearray(good.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    path = good.with_name("flipped.tfrecord")
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=rf"^{re.escape(str(path))}, record [01] \(counted from 0, at byte \d+\): "
    ):
        tfrecord.read(path, SPECIES)


def test_every_truncation_but_at_a_record_boundary_is_found(good):
    content = good.read_bytes()
    boundary = len(content) - len(tfrecord.encode_example(features(energy=7.0, species=(1,)))) - 16
    path = good.with_name("short.tfrecord")
    for length in range(1, len(content)):
        path.write_bytes(content[:length])
        if length == boundary:
            assert len(tfrecord.read(path, SPECIES)) == 1
            continue
        with pytest.raises(
            DataError, match=r"record [01] \(counted from 0, at byte \d+\): .*truncated"
        ):
            tfrecord.read(path, SPECIES)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (features(energy=np.nan), "record 1 'abc': the energy is .*nan.*expected one finite"),
        (features(species=(0, 2)), r"atom 1 has species index 2, but data.species \[H, O\]"),
        (features(gvects=None), "the feature 'gvects' is missing or empty"),
        (features(energy=0.0, gvects=np.ones(7, np.float32)), "7 values, no multiple of the 3"),
        (features(size=5), r"5 descriptor components per atom \(g_size\), but record 0 has 4"),
        (features(gvects=np.full(12, np.inf, np.float32)), "descriptors of atom 0 are not finite"),
        (features(forces=np.ones(5, np.float32)), "'forces' has 5 values, expected 9"),
        (features(forces=np.array([np.nan, *[0] * 8], np.float32)), "forces of atom 0 are not"),
        (
            features() | {"energy": np.array([1.0, 2.0])},
            r"the energy is \[1.0, 2.0\], expected one finite",
        ),
        (features(species=(0, -1)), r"atom 1 has species index -1, .* has indices 0 to 1"),
        (without_species(specis=np.array([1])), r"'species' is missing.*mean 'specis'\?"),
        (features(species=()), r"'species' is missing or empty \(it has energy, gvects, name, spe"),
        (features() | {"energy": b"1"}, "'energy' holds bytes, expected numbers"),
        (features(gvects=b"1234"), "'gvects' holds bytes, expected numbers"),
        (features(forces=b"1234"), "'forces' holds bytes, expected numbers"),
    ],
)
def test_bad_records_name_file_record_and_cause(tmp_path, record, message):
    path = write(tmp_path / "bad.tfrecord", features(), record)
    with pytest.raises(DataError, match=message) as caught:
        tfrecord.read(path, SPECIES)
    assert str(caught.value).startswith(f"{path}, record 1")
    assert "\n" not in str(caught.value)


def test_species_as_floats_are_not_rounded(tmp_path):
    record = features() | {"species": np.array([0.0, 0.7, 0.0])}
    path = write(tmp_path / "bad.tfrecord", record)
    with pytest.raises(DataError, match="the feature 'species' holds floats, expected integers"):
        tfrecord.read(path, SPECIES)


def test_a_file_that_is_no_tfrecord(tmp_path):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    message = r"record 0 \(counted from 0, at byte 0\): .*is damaged or no TFRecord file"
    with pytest.raises(DataError, match=message):
        tfrecord.read(path, SPECIES)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_bytes_that_are_no_example_are_never_a_traceback(data):
    """A record whose checksums are right although its writer was wrong."""
    content = bytearray(tfrecord.encode_example(features()))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.sampled_from([0, 1, 8, 0x7F, 0x80, 0xFF]))
    with suppress(WireError):
        assert all(isinstance(key, str) for key in tfrecord.parse_example(memoryview(content)))


def test_a_number_of_more_than_64_bits_is_cut_as_protocol_buffers_do():
    body = tfrecord.encode_example({"a": np.array([-1])})
    assert body.count(b"\xff" * 9 + b"\x01") == 1
    longer = memoryview(body.replace(b"\xff" * 9 + b"\x01", b"\xff" * 9 + b"\x7f"))
    assert tfrecord.parse_example(longer)["a"].tolist() == [-1]


def test_writing_fails_whole(good):
    before = good.read_bytes()

    def records():
        yield b"abc"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        tfrecord.write_records(good, records())
    assert good.read_bytes() == before
    assert [path.name for path in good.parent.iterdir()] == [good.name]


def test_not_an_example_and_empty_files(tmp_path):
    path = tmp_path / "a.tfrecord"
    tfrecord.write_records(path, [b"\xff\xff\xff"])
    with pytest.raises(
        DataError, match=r"record 0 \(counted from 0\): is not a tf\.train\.Example"
    ):
        tfrecord.read(path, SPECIES)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="has no records"):
        tfrecord.read(path, SPECIES)
