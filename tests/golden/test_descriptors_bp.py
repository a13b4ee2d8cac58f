"""BP descriptors against PANNA's own numbers (the bp_* reference cases)."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch

from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.bp import BP
from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.compute import compute_descriptors
from panna_exp.elements import Species
from panna_exp.readers import open_structures
from panna_exp.readers.panna_bin import read_bin
from panna_exp.units import BOHR

# The original rounds its constants to float32; the cases ask for more digits than that leaves.
ORIGINAL_BOHR = float(np.float32(BOHR)) / BOHR
ENTRIES = (
    ("bp_molecules_a", "water0", ""),
    ("bp_molecules_a", "methanol1", ""),
    ("bp_periodic_rjk_a", "cell", "_truncated"),
)


@pytest.fixture
def case(shared):
    """Returns a case's statement, its parameters and its folder."""

    def build(name):
        folder = shared / "reference" / name
        statement = json.loads((folder / "case.json").read_text())
        keys = dict(statement["gvect_params_internal_units_angstrom"])
        return statement, BPParameters.from_panna(statement["species"], **keys), folder

    return build


def read(folder, parameters, name) -> StructureSet:
    path = folder / "examples" / f"{name}.example"
    found = open_structures([str(path)], Species(parameters.species)).structures
    # Files that name no unit are in bohr.
    if json.loads(path.read_text()).get("unit_of_length", "bohr") == "bohr":
        return dataclasses.replace(
            found, positions=found.positions * ORIGINAL_BOHR, cell=found.cell * ORIGINAL_BOHR
        )
    return found


@pytest.mark.parametrize(("name", "entry", "suffix"), ENTRIES)
def test_values(case, name, entry, suffix):
    statement, parameters, folder = case(name)
    structures = read(folder, parameters, entry)
    expected = np.load(folder / f"{entry}_gvects{suffix}.npy")
    tolerance = {key: statement["tolerance"]["gvects"][key] for key in ("atol", "rtol")}
    found = compute_descriptors(structures, parameters, dtype=torch.float64)
    assert found.shape == (len(structures.species), parameters.size)
    np.testing.assert_allclose(found, expected, **tolerance)
    single = compute_descriptors(structures, parameters, dtype=torch.float32)
    np.testing.assert_allclose(single, expected, atol=3e-5, rtol=0)


def test_the_originals_missing_cut_is_not_copied(case):
    _, parameters, folder = case("bp_periodic_rjk_a")
    original = np.load(folder / "cell_gvects.npy")
    found = compute_descriptors(read(folder, parameters, "cell"), parameters, dtype=torch.float64)
    assert np.abs(found - original).max() > 0.02
    radial = slice(0, parameters.radial_size)
    np.testing.assert_allclose(found[:, radial], original[:, radial], atol=1e-10)


@pytest.mark.parametrize(("name", "entry", "suffix"), ENTRIES)
def test_derivatives(case, name, entry, suffix):
    """The cases have none, as the original computes none: central differences of the values."""
    statement, parameters, folder = case(name)
    structures = read(folder, parameters, entry)
    operator = BP(parameters, torch.float64)
    (atoms,), size = structures.num_atoms, operator.size
    stored = operator.sparse_jacobians(structures).matrix(0, atoms, size)
    jacobian = stored.reshape(atoms, size, atoms, 3)
    tolerance = statement["tolerance"]["dgvects"]
    step = 2e-4

    def moved(atom, axis, amount):
        positions = structures.positions.copy()
        positions[atom, axis] += amount
        shifted = dataclasses.replace(structures, positions=positions)
        return operator.compute(operator.geometry(shifted)).numpy()

    for atom in range(len(structures.species)):
        for axis in range(3):
            near = moved(atom, axis, step) - moved(atom, axis, -step)
            far = moved(atom, axis, 2 * step) - moved(atom, axis, -2 * step)
            expected = (8 * near - far) / (12 * step)
            found = jacobian[:, :, atom, axis]
            np.testing.assert_allclose(
                found, expected, atol=tolerance["atol"], rtol=tolerance["rtol"]
            )


@pytest.mark.parametrize("name", ["bp_molecules_a", "bp_periodic_rjk_a"])
def test_pannas_own_inputs(shared, program, name):
    """The original's command on the original's INI file, to its .bin files."""
    folder = program.folder
    shutil.copytree(shared / "reference" / name, folder, dirs_exist_ok=True)
    program.run("panna-gvect-calculator", "-c", "gvect.ini")
    entries = [(entry, suffix) for case, entry, suffix in ENTRIES if case == name]
    assert {path.stem for path in (folder / "gvectors").glob("*.bin")} == {e for e, _ in entries}
    for entry, suffix in entries:
        found = read_bin(folder / "gvectors" / f"{entry}.bin").descriptors
        expected = np.load(folder / f"{entry}_gvects{suffix}.npy")
        np.testing.assert_allclose(found, expected, atol=1e-6, rtol=0)
