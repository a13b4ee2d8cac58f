import re
import struct
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panna_exp.errors import DataError
from panna_exp.readers.panna_bin import BinStructure, SparseDerivatives, read_bin, write_bin

ATOMS, SIZE = 3, 4
PARTS = [
    ("plain", 0),
    ("per_atom", 4),
    ("dense", 1),
    ("dense forces", 3),
    ("dense forces per_atom", 7),
    ("sparse forces", 11),
    ("sparse forces per_atom", 15),
]


def sparse_of(dense):
    """Leaves out the exact zeros of [A, D, A, 3]."""
    atoms, size = dense.shape[:2]
    matrix = dense.reshape(atoms * size, 3 * atoms)
    rows, columns = np.nonzero(matrix)
    return SparseDerivatives(values=matrix[rows, columns], rows=rows, columns=columns)


def make(parts=""):
    random = np.random.default_rng(0)
    dense = random.normal(size=(ATOMS, SIZE, ATOMS, 3)).astype(np.float32)
    dense[dense < 0] = 0
    derivatives = {"dense": dense, "sparse": sparse_of(dense)}.get(parts.split(" ")[0])
    return BinStructure(
        energy=-12.5,
        species=np.array([2, 0, 0]),
        descriptors=random.random((ATOMS, SIZE)).astype(np.float32),
        derivatives=derivatives,
        forces=random.normal(size=(ATOMS, 3)).astype(np.float32) if "forces" in parts else None,
        per_atom=np.arange(ATOMS, dtype=np.float32) if "per_atom" in parts else None,
    )


def write(folder, parts=""):
    path = folder / "water.bin"
    write_bin(path, make(parts))
    return path


@pytest.mark.parametrize(("parts", "flags"), PARTS)
def test_everything_reads_back_exactly(tmp_path, parts, flags):
    path, written = write(tmp_path, parts), make(parts)
    assert struct.unpack_from("<IHIIf", path.read_bytes()) == (0, flags, ATOMS, SIZE, -12.5)
    read = read_bin(path)
    assert read.flags == flags
    assert read.energy == written.energy
    for name in ("species", "descriptors", "forces", "per_atom"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    if isinstance(written.derivatives, SparseDerivatives):
        for name in ("values", "rows", "columns"):
            found, expected = (getattr(x.derivatives, name) for x in (read, written))
            np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_array_equal(read.derivatives, written.derivatives)


def test_the_bytes_of_a_sparse_file(tmp_path):
    """One derivative: of component 2 of atom 1 by z of atom 0."""
    dense = np.zeros((2, 3, 2, 3), dtype=np.float32)
    dense[1, 2, 0, 2] = 0.5
    structure = BinStructure(
        energy=1.0,
        species=np.array([0, 1]),
        descriptors=np.zeros((2, 3), dtype=np.float32),
        derivatives=sparse_of(dense),
    )
    write_bin(tmp_path / "a.bin", structure)
    content = (tmp_path / "a.bin").read_bytes()
    assert content[:18] == struct.pack("<IHIIf", 0, 9, 2, 3, 1.0)
    assert content[18:] == struct.pack("<8f", 0, 1, *[0] * 6) + struct.pack("<4f", 1, 0.5, 5, 2)


def test_sparse_and_dense_are_the_same():
    dense = make("dense").derivatives
    sparse = sparse_of(dense)
    assert len(sparse.values) == np.count_nonzero(dense) < dense.size
    np.testing.assert_array_equal(sparse.dense(ATOMS, SIZE), dense)
    np.testing.assert_array_equal(make("sparse").derivatives.dense(ATOMS, SIZE), dense)


def test_no_derivative_at_all_is_a_sparse_file_too(tmp_path):
    empty = sparse_of(np.zeros((ATOMS, SIZE, ATOMS, 3), dtype=np.float32))
    write_bin(tmp_path / "a.bin", replace(make(), derivatives=empty))
    read = read_bin(tmp_path / "a.bin").derivatives
    assert len(read.values) == len(read.rows) == len(read.columns) == 0


def read_error(path):
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: ") as caught:
        read_bin(path)
    message = str(caught.value).removeprefix(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(("parts", "flags"), PARTS)
def test_every_truncation_and_every_byte_too_many_is_found(tmp_path, parts, flags):
    path = write(tmp_path, parts)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        message = read_error(path)
        assert message.startswith(f"has {length} bytes, ")
        assert message.endswith(": it is truncated")
    path.write_bytes(content + b"\0")
    says = f"with 3 atoms, g_size 4 and flags {flags} it ends at byte {len(content)}"
    assert read_error(path) == f"has {len(content) + 1} bytes, but {says}: it is damaged"


def test_a_truncated_file_says_what_is_missing(tmp_path):
    path = write(tmp_path, "dense forces")
    path.write_bytes(path.read_bytes()[:-1])
    end = 18 + 4 * (ATOMS + ATOMS * SIZE + ATOMS * SIZE * ATOMS * 3 + 3 * ATOMS)
    assert f"its forces end at byte {end}: it is truncated" in read_error(path)


def changed(path, place, format, value):
    content = bytearray(path.read_bytes())
    struct.pack_into(format, content, place, value)
    path.write_bytes(content)
    return read_error(path)


# Where things begin in make("sparse forces").
SPECIES, DESCRIPTORS = 18, 18 + 4 * ATOMS
COUNT = DESCRIPTORS + 4 * ATOMS * SIZE
VALUES = COUNT + 4
PLACES = VALUES + 4 * len(make("sparse").derivatives.values)


@pytest.mark.parametrize(
    ("place", "format", "value", "message"),
    [
        (0, "<I", 7, "has version 7, this program reads 0: is it a .bin of PANNA"),
        (4, "<H", 16, "has the flags 0b10000, expected 1 .derivatives"),
        (4, "<H", 10, "has the flags 0b1010, expected 1 .derivatives"),
        (6, "<I", 0, "has 0 atoms and g_size 4, expected more than none"),
        (6, "<I", 2**32 - 1, "species end at byte .*: it is truncated"),
        (10, "<I", 0, "has 3 atoms and g_size 0"),
        (10, "<I", 2**32 - 1, "descriptors end at byte .*: it is truncated"),
        (14, "<f", np.nan, "the energy is nan, expected a finite number"),
        (SPECIES + 4, "<f", 0.5, "one of its species indices is 0.5, expected an integer from 0"),
        (SPECIES + 4, "<f", -1, "one of its species indices is -1, expected an integer from 0"),
        (DESCRIPTORS + 20, "<f", np.inf, r"descriptors are not finite .* first at \[1, 1\]"),
        (COUNT, "<f", 2.5, "one of its counts is 2.5"),
        (COUNT, "<f", 1e30, r"one of its counts is 1e\+30"),
        (COUNT, "<f", 2**24, "16777216 sparse derivatives .* more than the format can number"),
        (COUNT, "<f", 1000, "derivatives end at byte .*: it is truncated"),
        (VALUES, "<f", np.nan, r"derivatives are not finite numbers, first at \[0\]"),
        (PLACES, "<f", 12, "one of its places is 12, expected an integer from 0 to 11"),
        (PLACES + 4, "<f", 9, "one of its places is 9, expected an integer from 0 to 8"),
        (PLACES + 4, "<f", 1.5, "one of its places is 1.5, expected an integer from 0 to 8"),
    ],
)
def test_wrong_content_is_named(tmp_path, place, format, value, message):
    path = write(tmp_path, "sparse forces")
    assert re.search(message, changed(path, place, format, value))


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200))
def test_other_bytes_are_never_a_traceback(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("a") / "a.bin"
    path.write_bytes(content)
    with suppress(DataError):
        assert read_bin(path).species.size


def test_no_file(tmp_path):
    assert read_error(tmp_path / "a.bin") == "no such file"


def test_too_many_rows_for_the_format_are_refused(tmp_path):
    size = (1 << 24) + 1
    sparse = sparse_of(np.zeros((1, size, 1, 3), dtype=np.float32))
    structure = BinStructure(
        energy=0.0,
        species=np.array([0]),
        descriptors=np.zeros((1, size), dtype=np.float32),
        derivatives=sparse,
    )
    with pytest.raises(DataError, match=f"of {size} descriptor components are more than"):
        write_bin(tmp_path / "a.bin", structure)
    assert not list(tmp_path.iterdir())


def test_what_panna_would_not_find_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="forces are written with derivatives only"):
        write_bin(tmp_path / "a.bin", make("forces"))
    wrong = replace(make(), per_atom=np.zeros(2, dtype=np.float32))
    with pytest.raises(ValueError, match=r"the shape \(2,\), expected \(3,\)"):
        write_bin(tmp_path / "a.bin", wrong)
    assert not list(tmp_path.iterdir())
