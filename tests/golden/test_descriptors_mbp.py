"""mBP descriptors against PANNA's own numbers (the gv_* and legacy_* reference cases)."""

import configparser
import dataclasses
import json

import numpy as np
import pytest
import torch

from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.compute import compute_descriptors
from panna_exp.descriptors.mbp import MBP
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.elements import Species
from panna_exp.readers import open_structures
from panna_exp.units import BOHR

# The original rounds its constants to float32; our exact ones differ by 2e-8 relative. Where a
# case asks for more digits than that, positions get the original's rounding.
ORIGINAL_BOHR = float(np.float32(BOHR)) / BOHR

PLAIN = (
    *("gv_tutorial_a", "gv_carbon_a", "gv_diamond_a", "gv_triclinic2_a", "gv_slab2d_a"),
    *("gv_bohr_crystal_a", "gv_pbcflags_a", "gv_unittest_123"),
)
DERIVATIVES = tuple(name for name in PLAIN if name not in ("gv_pbcflags_a", "gv_unittest_123"))
COUNTS = ("RsN_rad", "RsN_ang", "ThetasN")


def read(path, parameters) -> StructureSet:
    return open_structures([str(path)], Species(parameters.species)).structures


@dataclasses.dataclass
class Case:
    folder: object
    statement: dict
    parameters: MBPParameters
    periodic: list | None

    def structures(self, path) -> StructureSet:
        found = read(path, self.parameters)
        if self.periodic is not None:
            found = dataclasses.replace(found, pbc=found.pbc & np.array([self.periodic]))
        in_bohr = json.loads(path.read_text()).get("unit_of_length") == "bohr"
        if in_bohr and self.tolerance("gvects")["atol"] < 1e-8:
            found = dataclasses.replace(
                found, positions=found.positions * ORIGINAL_BOHR, cell=found.cell * ORIGINAL_BOHR
            )
        return found

    def tolerance(self, key):
        stated = self.statement["tolerance"][key]
        return {"atol": stated["atol"], "rtol": stated.get("rtol", 0)}

    def files(self):
        return sorted((self.folder / "examples").glob("*.example"))


@pytest.fixture
def case(shared):
    """Reads a case: parameters from its INI file, the rest from case.json."""

    def build(name, generation="C"):
        folder = shared / "reference" / name
        ini = configparser.ConfigParser(inline_comment_prefixes="#")
        ini.optionxform = str
        ini.read(folder / "gvect.ini")
        keys = dict(ini["GVECT_PARAMETERS"])
        unit = keys.pop("gvect_parameters_unit", "angstrom")
        numbers = {key: int(v) if key in COUNTS else float(v) for key, v in keys.items()}
        species = [item.strip() for item in ini["SYMMETRY_FUNCTION"]["species"].split(",")]
        flags = None
        if ini.has_section("PBC"):
            flags = [ini.getboolean("PBC", f"pbc{axis}") for axis in (1, 2, 3)]
        parameters = MBPParameters.from_panna(species, generation, unit=unit, **numbers)
        return Case(folder, json.loads((folder / "case.json").read_text()), parameters, flags)

    return build


def check(structures, parameters, expected, tolerance):
    found = compute_descriptors(structures, parameters, dtype=torch.float64)
    np.testing.assert_allclose(found, expected, **tolerance)
    single = compute_descriptors(structures, parameters, dtype=torch.float32)
    np.testing.assert_allclose(single, expected, atol=3e-5, rtol=0)


@pytest.mark.parametrize("name", PLAIN)
def test_values(case, name):
    reference = case(name)
    files = reference.files()
    assert len(files) == len(reference.statement["entries"])
    for path in files:
        expected = np.load(reference.folder / f"{path.stem}_gvects.npy")
        structures = reference.structures(path)
        check(structures, reference.parameters, expected, reference.tolerance("gvects"))


@pytest.mark.parametrize("name", ["wrapped", "unwrapped"])
def test_atoms_outside_the_cell(case, name):
    reference = case("gv_unwrapped_a")
    expected = np.load(reference.folder / "wrapped_gvects.npy")
    structures = reference.structures(reference.folder / "examples" / f"{name}.example")
    check(structures, reference.parameters, expected, reference.tolerance("gvects"))


def test_values_of_the_sparse_case(case):
    reference = case("gv_sparse_water_a")
    expected = np.load(reference.folder / "gvects.npy")
    structures = reference.structures(reference.folder / "examples" / "water2.example")
    check(structures, reference.parameters, expected, reference.tolerance("gvects"))


@pytest.mark.parametrize("generation", ["A", "B", "C"])
def test_generations(case, shared, generation):
    parameters = case("gv_tutorial_a", generation).parameters
    folder = shared / "reference" / "legacy_tfrecord_conventions_a"
    for path in sorted(folder.glob("*.example")):
        structures = read(path, parameters)
        expected = np.load(folder / f"{path.stem}_gvects_{generation}.npy")
        # The arrays are float64, so more digits than the stated 1e-6 can be asked for.
        check(structures, parameters, expected, {"atol": 1e-10, "rtol": 0})


def check_derivatives(structures, parameters, expected, tolerance):
    """Compares the Jacobian, and its product with a vector, in both precisions."""
    v = np.random.default_rng(0).uniform(-1, 1, expected.shape[:2])
    product = np.einsum("ad,adkx->kx", v, expected)
    for dtype, allowed in ((torch.float64, tolerance), (torch.float32, {"atol": 3e-4, "rtol": 0})):
        operator = MBP(parameters, dtype)
        geometry = operator.geometry(structures)
        stored = operator.sparse_jacobians(structures).matrix(0, *expected.shape[:2])
        np.testing.assert_allclose(stored.reshape(expected.shape), expected, **allowed)
        found = operator.vjp(geometry, torch.from_numpy(v))
        np.testing.assert_allclose(found, product, atol=10 * allowed["atol"], rtol=1e-5)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives(case, name):
    reference = case(name)
    for path in reference.files():
        expected = np.load(reference.folder / f"{path.stem}_dgvects.npy")
        structures = reference.structures(path)
        check_derivatives(
            structures, reference.parameters, expected, reference.tolerance("dgvects")
        )


def test_derivatives_of_the_sparse_case(case):
    reference = case("gv_sparse_water_a")
    expected = np.load(reference.folder / "dgvects_dense.npy")
    structures = reference.structures(reference.folder / "examples" / "water2.example")
    check_derivatives(structures, reference.parameters, expected, reference.tolerance("dense"))


@pytest.mark.parametrize("name", ["1", "2", "3"])
def test_derivatives_in_bin_files(case, name):
    reference = case("gv_unittest_123")
    structures = reference.structures(reference.folder / "examples" / f"{name}.example")
    num_atoms, size = len(structures.species), reference.parameters.size
    # version (4 bytes), flags (2), atoms (4), size (4), energy (4), species, values, derivatives
    numbers = np.frombuffer((reference.folder / f"{name}.bin").read_bytes()[18:], dtype="<f4")
    start = num_atoms * (1 + size)
    expected = numbers[start : start + num_atoms * size * num_atoms * 3]
    check_derivatives(
        structures,
        reference.parameters,
        expected.reshape(num_atoms, size, num_atoms, 3).astype(np.float64),
        reference.tolerance("bin"),
    )
