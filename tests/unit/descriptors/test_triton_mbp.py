"""Triton's kernels give the numbers of the tensor version: compiled on a GPU, else interpreted."""

import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from panna_exp.assembly.execution import padded_jacobians
from panna_exp.assembly.optimisation import make_train_step
from panna_exp.config.schema import TrainingConfig
from panna_exp.data.batch import PackedData
from panna_exp.data.padded import PaddedData
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.compute import compute_descriptors, operator_of
from panna_exp.descriptors.lists import NeighborLists
from panna_exp.descriptors.mbp import MBP
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.training.execution import DirectSteps
from panna_exp.training.metrics import Totals
from panna_exp.training.padded_steps import PaddedSteps

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# The interpreter is chosen where kernels are defined, those of triton itself as well. What other
# tests compile is none of its business.
with pytest.MonkeyPatch.context() as patch:
    if DEVICE == "cpu":
        patch.setenv("TRITON_INTERPRET", "1")
    pytest.importorskip("triton", reason="triton is not there (it is for Linux)")
    from panna_exp.descriptors.triton_mbp import TritonMBP

# Relative to the largest number.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


@pytest.fixture(autouse=True)
def interpreted(monkeypatch):
    if DEVICE == "cpu":
        monkeypatch.setenv("TRITON_INTERPRET", "1")


@pytest.fixture
def structures(make):
    """A molecule, a lonely atom, a skewed cell smaller than the cutoff."""
    random = np.random.default_rng(3)
    skewed = np.array([[2.9, 0.2, 0.0], [0.7, 3.0, 0.1], [-0.3, 0.4, 3.3]])
    return StructureSet.from_structures(
        [
            make(random.uniform(0, 2.0, (3, 3)), [0, 1, 0]),
            make([[0, 0, 0]], [1]),
            make([[0, 0, 0]], [1], cell=skewed),
        ]
    )


@pytest.fixture
def molecules(make):
    """Few atoms, none in line, with energies and forces."""
    random = np.random.default_rng(4)
    return [
        Structure(
            origin=f"made, structure {number}",
            name=f"s{number}",
            species=np.arange(size) % 2,
            energy=random.normal(),
            positions=random.uniform(0, 2.2, (size, 3)),
            forces=random.normal(size=(size, 3)),
            cell=np.zeros((3, 3)),
            pbc=np.zeros(3, dtype=bool),
        )
        for number, size in enumerate((3, 1, 2))
    ]


def assert_near(found, expected, dtype):
    scale = max(float(expected.abs().max()), 1.0) if expected.numel() else 1.0
    torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE[dtype] * scale)
    assert found.dtype == dtype


def assert_alike(triton, tensor, geometry):
    """Compares all products with random factors."""
    dtype, atoms = tensor.dtype, len(geometry.positions)
    random = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, dtype=dtype, generator=random).to(DEVICE)

    v, u, strain = draw(atoms, tensor.size), draw(atoms, 3), draw(geometry.num_structures, 3, 3)
    assert_near(triton.compute(geometry), tensor.compute(geometry), dtype)
    change = triton.jvp(geometry, u, strain)
    assert_near(change, tensor.jvp(geometry, u, strain), dtype)
    gradient = triton.vjp_with_strain(geometry, v, then_jvp=True)
    for found, expected in zip(gradient, tensor.vjp_with_strain(geometry, v), strict=True):
        assert_near(found, expected, dtype)
    # v (J u) = u (J^T v), whatever the definition says.
    one, other = (v * change).sum(), (u * gradient[0]).sum() + (strain * gradient[1]).sum()
    assert float(one) == pytest.approx(float(other), abs=TOLERANCE[dtype] * 100)


@pytest.mark.parametrize(
    ("generation", "dtype"),
    [("A", torch.float64), ("B", torch.float32), ("C", torch.float32), ("C", torch.float64)],
)
def test_all_products(structures, parameters, generation, dtype):
    chosen = parameters(generation)
    if generation != "C":
        # The kink where atoms are in line, as those of a crystal are, is rounding over rounding.
        structures = structures.select(np.array([0, 1]))
    tensor = MBP(chosen, dtype, DEVICE)
    assert_alike(TritonMBP(chosen, dtype, DEVICE), tensor, tensor.geometry(structures))


def test_other_sizes_and_lists_with_a_skin(make, parameters):
    """Powers of two and one, rows of several blocks, pairs beyond both cutoffs; without strain."""
    chosen = parameters(
        "C", zeta=16.0, ThetasN=8, RsN_ang=4, eta_ang=4.0, RsN_rad=1, eta_rad=6.0,
        Rc_rad=2.2, Rc_ang=2.0,
    )  # fmt: skip
    tensor = MBP(chosen, torch.float64, DEVICE)
    triton = TritonMBP(chosen, torch.float64, DEVICE)
    cloud = np.random.default_rng(1).uniform(0, 2.4, (6, 3))
    geometry = tensor.geometry(StructureSet.from_structures([make(cloud)]), skin=0.4)
    assert int(geometry.triple_rows.diff().max()) > triton._of_angular["BLOCK"]
    table = triton.pair_table(geometry)
    assert float(table[:, 0].max()) > 2.2
    v = torch.ones(6, tensor.size, dtype=torch.float64, device=DEVICE)
    u = torch.arange(18.0, dtype=torch.float64, device=DEVICE).view(6, 3)
    assert_near(triton.compute(geometry), tensor.compute(geometry), torch.float64)
    assert_near(triton.vjp(geometry, v), tensor.vjp(geometry, v), torch.float64)
    assert_near(triton.jvp(geometry, u), tensor.jvp(geometry, u), torch.float64)


def test_without_pairs_triples_or_atoms(make, parameters):
    operator = TritonMBP(parameters(), torch.float64, DEVICE)
    tensor = MBP(parameters(), torch.float64, DEVICE)
    for item in (make([[0, 0, 0]], [1]), make([[0, 0, 0], [1.0, 0, 0]], [0, 1])):
        geometry = tensor.geometry(StructureSet.from_structures([item]))
        assert len(geometry.first) == 0
        assert_alike(operator, tensor, geometry)
    empty = {
        name: value[:0]
        for name in ("positions", "species", "structure", "center", "neighbor", "shift")
        for value in [getattr(geometry, name)]
    }
    rows = geometry.pair_rows[:1]
    geometry = replace(geometry, **empty, pair_rows=rows, triple_rows=rows, num_structures=0)
    v = torch.zeros(0, operator.size, dtype=torch.float64, device=DEVICE)
    assert operator.compute(geometry).shape == (0, operator.size)
    assert operator.jvp(geometry, v[:, :3]).shape == (0, operator.size)
    gradient, strain = operator.vjp_with_strain(geometry, v)
    assert gradient.shape == (0, 3)
    assert strain.shape == (0, 3, 3)


@pytest.mark.parametrize(("generation", "dtype"), [("A", torch.float64), ("C", torch.float32)])
def test_collinear_and_coinciding_atoms_give_numbers(make, parameters, generation, dtype):
    line = make([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [0, 1, 0])
    folded = make([[0, 0, 0], [1, 0, 0], [1 + 1e-7, 0, 0]], [0, 0, 0])
    operator = TritonMBP(parameters(generation), dtype, DEVICE)
    geometry = operator.geometry(StructureSet.from_structures([line, folded]))
    v = torch.ones(6, operator.size, dtype=dtype, device=DEVICE)
    assert torch.isfinite(operator.compute(geometry)).all()
    assert torch.isfinite(operator.vjp(geometry, v)).all()
    assert torch.isfinite(operator.jvp(geometry, v[:, :3])).all()


def test_what_is_not_a_number_stays_so(make, parameters):
    operator = TritonMBP(parameters(), torch.float32, DEVICE)
    geometry = operator.geometry(
        StructureSet.from_structures([make(np.eye(3)), make(np.eye(3)[:2] * 1.1)])
    )
    geometry.positions[0, 0] = torch.nan
    with np.errstate(all="ignore"):
        values = operator.compute(geometry)
        gradient = operator.vjp(geometry, torch.ones_like(values))
    assert torch.isnan(values[:3]).any(1).all()
    assert torch.isnan(gradient[:3]).any(1).all()
    assert torch.isfinite(values[3:]).all()
    assert torch.isfinite(gradient[3:]).all()


def make_steps(kind, molecules, chosen, padded):
    structures = StructureSet.from_structures(molecules)
    descriptors = compute_descriptors(structures, chosen, dtype=torch.float64)
    structures = replace(structures, descriptors=descriptors)
    random = np.random.default_rng(2)

    def network(symbol):
        layers = tuple(
            LayerData(
                weights=random.normal(size=pair) / pair[0] ** 0.5,
                biases=random.normal(size=pair[1]),
                activation=activation,
            )
            for pair, activation in zip(
                pairwise((chosen.size, 5, 1)),
                (Activation.gaussian, Activation.linear),
                strict=True,
            )
        )
        return NetworkData(symbol=symbol, layers=layers, offset=0.0)

    networks = SpeciesNetworks([network(symbol) for symbol in "XY"], torch.float64).to(DEVICE)
    lists = NeighborLists(kind(chosen, torch.float64, DEVICE), structures)
    device = torch.device(DEVICE)
    data = PackedData(structures, structures.energy, 2, torch.float64, device, lists)
    step, totals = make_train_step(TrainingConfig(forces_cost=0.3), networks), Totals(device)
    if not padded:
        return step, DirectSteps(step=step, data=data, totals=totals)
    source = PaddedData(data, 2, padded_jacobians(data))
    return step, PaddedSteps(step, source, totals, record=False)


@pytest.mark.parametrize("padded", [False, True])
def test_three_steps_of_a_training_are_those_of_the_tensor_version(molecules, parameters, padded):
    chosen = parameters(RsN_rad=2, eta_rad=6.0, RsN_ang=2, eta_ang=4.0, ThetasN=3, zeta=6.0)
    cases = [make_steps(kind, molecules, chosen, padded) for kind in (TritonMBP, MBP)]
    for number in range(3):
        indices = np.array([[0, 1], [2, 0], [1, 2]][number])
        found, expected = (steps([indices], [1e-3], number, 1.0) for _, steps in cases)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    (step, _), (other, _) = cases
    for name in ("first_moment", "second_moment"):
        torch.testing.assert_close(
            getattr(step.optimizer, name), getattr(other.optimizer, name), rtol=1e-10, atol=1e-12
        )
    torch.testing.assert_close(
        step.parameters.values, other.parameters.values, rtol=1e-10, atol=1e-12
    )
    assert float(step.optimizer.second_moment.abs().max()) > 0


def test_the_host_asks_the_device_nothing(structures, parameters, monkeypatch):
    operator = TritonMBP(parameters(), torch.float64, DEVICE)
    geometry = operator.geometry(structures)
    v = torch.ones(len(structures.species), operator.size, dtype=torch.float64, device=DEVICE)
    strain = v.new_ones(geometry.num_structures, 3, 3)
    started = []
    monkeypatch.setattr(operator, "_launch", lambda kernel, *_, **__: started.append(kernel))
    # Tensors without values: whatever needs one on the host cannot go on.
    with FakeTensorMode(allow_non_fake_inputs=True):
        operator.compute(geometry)
        operator.vjp_with_strain(geometry, v)
        operator.jvp(geometry, v[:, :3], strain)
    assert len(started) == 8


def test_where_it_is_used(structures, parameters, monkeypatch):
    assert isinstance(operator_of(parameters(), device=DEVICE, kernel="triton"), TritonMBP)
    few = structures.select(np.array([0]))
    options = {"dtype": torch.float64, "device": DEVICE}
    found = compute_descriptors(few, parameters(), **options, kernel="triton")
    expected = compute_descriptors(few, parameters(), **options)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert not np.array_equal(found, expected)  # another way to the same numbers


COMPILE = """
import sys, torch, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.descriptors.triton_mbp import TritonMBP
import numpy as np

TYPES = {torch.float32: "*fp32", torch.float64: "*fp64", torch.int64: "*i64"}

def build(kernel, programs, *arguments, num_warps=4, **constants):
    options = {"num_warps": num_warps, "enable_fp_fusion": True}
    types = [TYPES[a.dtype] if isinstance(a, torch.Tensor) else "i32" for a in arguments]
    signature = dict(zip(kernel.arg_names, types, strict=False))
    signature |= dict.fromkeys(constants, "constexpr")
    assert set(signature) == set(kernel.arg_names), kernel.__name__
    compiled = triton.compile(
        ASTSource(kernel, signature, constants), GPUTarget("cuda", 80, 32), options
    )
    assert compiled.asm["cubin"]
    print(kernel.__name__)

dtype = getattr(torch, sys.argv[1])
chosen = MBPParameters.from_panna(
    ["X", "Y"], sys.argv[2], eta_rad=16.0, Rc_rad=4.6, Rs0_rad=0.5, RsN_rad=3, eta_ang=6.0,
    Rc_ang=3.1, Rs0_ang=0.5, RsN_ang=2, zeta=50.0, ThetasN=4,
)
atoms = Structure(
    origin="", name="", species=np.array([0, 1, 0]), energy=0.0, positions=np.eye(3),
    cell=np.zeros((3, 3)), pbc=np.zeros(3, bool),
)
operator = TritonMBP(chosen, dtype, "cpu")
operator._launch = build
geometry = operator.geometry(StructureSet.from_structures([atoms]))
v = torch.ones(3, operator.size, dtype=dtype)
operator.compute(geometry)
operator.vjp_with_strain(geometry, v)
operator.jvp(geometry, v[:, :3], v[:1, :9].view(1, 3, 3))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "generation"), [("float32", "C"), ("float64", "A")])
def test_the_kernels_compile_for_a_gpu(tmp_path, dtype, generation):
    """What the interpreter lets pass, the compiler may not; it needs no GPU."""
    variables = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE, dtype, generation],
        env={**variables, "TRITON_CACHE_DIR": str(tmp_path)},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 8
