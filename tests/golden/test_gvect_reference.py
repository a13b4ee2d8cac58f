"""PANNA's own descriptor inputs, run by ``panna-gvect-calculator``: its numbers in .bin files."""

import os
import struct

import numpy as np
import pytest

CASES = (
    *("gv_tutorial_a", "gv_carbon_a", "gv_diamond_a", "gv_triclinic2_a", "gv_slab2d_a"),
    *("gv_bohr_crystal_a", "gv_pbcflags_a", "gv_unittest_123", "gv_sparse_water_a"),
    *("gv_unwrapped_a", "bp_molecules_a", "bp_periodic_rjk_a"),
)
# Where the original is wrong, or names its array otherwise.
EXPECTED = {
    ("gv_unwrapped_a", "unwrapped"): "wrapped_gvects",
    ("bp_periodic_rjk_a", "cell"): "cell_gvects_truncated",
    ("gv_sparse_water_a", "water2"): "gvects",
}


def stored(path):
    """The descriptors [A, D] of a .bin file."""
    data = path.read_bytes()
    _, _, atoms, size = struct.unpack("<IHII", data[:14])
    start = 18 + 4 * atoms
    return np.frombuffer(data[start : start + 4 * atoms * size], dtype="<f4").reshape(atoms, size)


@pytest.mark.parametrize("case", CASES)
def test_pannas_own_inputs(shared, program, case):
    folder = shared / "reference" / case
    (program.folder / "tutorial_data").mkdir()
    for link in ("examples", "tutorial_data/simulations"):
        os.symlink(folder / "examples", program.folder / link)
    program.run("panna-gvect-calculator", "-c", str(folder / "gvect.ini"))
    found = sorted((program.folder / "gvectors").glob("*.bin"))
    assert len(found) == len(list((folder / "examples").glob("*.example")))
    for path in found:
        name = EXPECTED.get((case, path.stem), f"{path.stem}_gvects")
        expected = np.load(folder / f"{name}.npy")
        # To the single precision of the files (units: the original's constants are rounded to it).
        np.testing.assert_allclose(stored(path), expected, rtol=3e-7, atol=2e-6, err_msg=path.stem)
