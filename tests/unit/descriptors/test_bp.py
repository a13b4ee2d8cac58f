"""The BP operator against autograd and finite differences, and where the formula is delicate."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

from panna_exp.data.jacobians import BatchAtoms
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors import operator as shared_operator
from panna_exp.descriptors.bp import BP
from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.compute import compute_descriptors, operator_of
from panna_exp.descriptors.lists import NeighborLists
from panna_exp.descriptors.mbp import MBP

NAMES = (
    *("molecule", "crystal", "outside", "small cell", "slab", "chain", "flags", "line"),
    *("atom", "far apart"),
)


@pytest.fixture
def bp_parameters():
    """Two species, 2 * 2 * 3 + 3 * 2 * 3 * 2 = 48 components."""

    def build(**changes):
        keys = {
            "eta_rad": [0.7, 4.0],
            "Rc_rad": 3.6,
            "Rs0_rad": 0.4,
            "RsN_rad": 3,
            "eta_ang": [0.03, 0.2],
            "Rc_ang": 2.9,
            "zeta": [1.0, 2.5, 6.0],
            **changes,
        }
        return BPParameters.from_panna(["X", "Y"], **keys)

    return build


@pytest.fixture
def whole(environments):
    return batch_of(*environments.values())


def batch_of(*structures):
    return StructureSet.from_structures(structures)


def random_like(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def moved(structure, step):
    return dataclasses.replace(structure, positions=structure.positions + step)


def finite_difference(compute, step=1e-4):
    """Derivative at 0 of a function of one number, to O(step^4)."""
    near = compute(step) - compute(-step)
    far = compute(2 * step) - compute(-2 * step)
    return (8 * near - far) / (12 * step)


def plain_descriptors(structure, p, positions, strain=None):
    """The formulas with one torch operation each and lists of its own, for autograd."""
    strain = torch.zeros(3, 3, dtype=torch.float64) if strain is None else strain
    steps = [range(-7, 8) if flag else range(1) for flag in structure.pbc]
    shifts = torch.tensor(np.array(list(itertools.product(*steps))) @ structure.cell)
    species = torch.from_numpy(structure.species)
    reach = max(p.cutoff_radial, p.cutoff_angular)
    rows = []
    for center in range(len(positions)):
        vectors = positions[None] + shifts[:, None] - positions[center]  # [images, A, 3]
        kinds = species.expand(len(shifts), -1).reshape(-1)
        vectors = (vectors + vectors @ strain).reshape(-1, 3)
        with torch.no_grad():
            near = (vectors.norm(dim=1) > 1e-8) & (vectors.norm(dim=1) < reach)
        rows.append(plain_center(vectors[near], kinds[near], p))
    return torch.stack(rows)


def plain_center(vectors, kinds, p):
    r = vectors.norm(dim=1)
    result = []
    for s in range(len(p.species)):
        for eta in p.radial_eta:
            for start in p.radial_centers:
                terms = torch.exp(-eta * (r - start) ** 2) * plain_fc(r, p.cutoff_radial)
                result.append(terms[kinds == s].sum())
    one, other = torch.triu_indices(len(r), len(r), 1)
    side = (vectors[one] - vectors[other]).norm(dim=1)
    rc = p.cutoff_angular
    cutoffs = plain_fc(r[one], rc) * plain_fc(r[other], rc) * plain_fc(side, rc)
    c = (vectors[one] * vectors[other]).sum(1) / (r[one] * r[other])
    squares = r[one] ** 2 + r[other] ** 2 + side**2
    for s, t in itertools.combinations_with_replacement(range(len(p.species)), 2):
        low, high = torch.minimum(kinds[one], kinds[other]), torch.maximum(kinds[one], kinds[other])
        chosen = (low == s) & (high == t)
        for eta in p.angular_eta:
            for zeta in p.zeta:
                for sign in (1, -1):
                    angle = 2 ** (1 - zeta) * (1 + sign * c).clamp(min=0) ** zeta
                    result.append((angle * torch.exp(-eta * squares) * cutoffs)[chosen].sum())
    return torch.stack(result)


def plain_fc(distance, cutoff):
    return 0.5 * (1 + torch.cos(torch.pi * distance / cutoff)) * (distance < cutoff)


@pytest.mark.parametrize("name", NAMES)
def test_values_and_products_agree_with_autograd(environments, bp_parameters, name):
    structure, p = environments[name], bp_parameters()
    operator = BP(p, torch.float64)
    geometry = operator.geometry(batch_of(structure))
    positions = geometry.positions.clone().requires_grad_()
    strain = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    plain = plain_descriptors(structure, p, positions, strain)
    torch.testing.assert_close(operator.compute(geometry), plain.detach(), atol=1e-12, rtol=0)

    v = random_like(*plain.shape)
    by_positions, by_strain = torch.autograd.grad((v * plain).sum(), (positions, strain))
    gradient, strains = operator.vjp_with_strain(geometry, v)
    torch.testing.assert_close(operator.vjp(geometry, v), gradient, atol=0, rtol=0)
    torch.testing.assert_close(gradient, by_positions, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(strains[0], by_strain, atol=1e-10, rtol=1e-10)

    u = random_like(*positions.shape, seed=1)
    _, expected = torch.autograd.functional.jvp(
        lambda x: plain_descriptors(structure, p, x), geometry.positions, u
    )
    torch.testing.assert_close(operator.jvp(geometry, u), expected, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_products_agree_with_finite_differences(environments, bp_parameters, name):
    structure = environments[name]
    operator = BP(bp_parameters(), torch.float64)
    geometry = operator.geometry(batch_of(structure))
    u = random_like(*geometry.positions.shape)

    def compute(step):
        return operator.compute(operator.geometry(batch_of(moved(structure, step * u.numpy()))))

    expected = finite_difference(compute)
    scale = 1 + float(expected.abs().max())
    found = operator.jvp(geometry, u)
    torch.testing.assert_close(found, expected, atol=1e-7 * scale, rtol=0)
    v = random_like(*expected.shape, seed=1)
    by_difference = float((v * expected).sum())
    by_vjp = float((operator.vjp(geometry, v) * u).sum())
    assert by_vjp == pytest.approx(by_difference, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("chunk", [None, 1, 100])
def test_the_two_products_are_transposes(whole, bp_parameters, chunk):
    operator = BP(bp_parameters(), torch.float64, chunk=chunk)
    geometry = operator.geometry(whole)
    u = random_like(*geometry.positions.shape)
    v = random_like(len(u), operator.size, seed=1)
    left = float((operator.vjp(geometry, v) * u).sum())
    assert left == pytest.approx(float((v * operator.jvp(geometry, u)).sum()), rel=1e-10)
    assert abs(left) > 1


@pytest.mark.parametrize("name", ["crystal", "small cell", "molecule"])
def test_the_strain_gradient_agrees_with_finite_differences(environments, bp_parameters, name):
    structure = environments[name]
    operator = BP(bp_parameters(), torch.float64)
    v = random_like(len(structure.species), operator.size)
    _, found = operator.vjp_with_strain(operator.geometry(batch_of(structure)), v)
    shape = random_like(3, 3, seed=1).numpy()

    def compute(step):
        strain = np.eye(3) + step * shape
        strained = dataclasses.replace(
            structure, positions=structure.positions @ strain, cell=structure.cell @ strain
        )
        return (operator.compute(operator.geometry(batch_of(strained))) * v).sum()

    expected = float(finite_difference(compute))
    assert float((found[0] * torch.from_numpy(shape)).sum()) == pytest.approx(expected, rel=1e-7)
    # Turning everything changes nothing, so the gradient is symmetric.
    torch.testing.assert_close(found[0], found[0].T, atol=1e-10, rtol=1e-10)


def test_the_jacobian_is_that_of_the_products(environments, bp_parameters):
    operator = BP(bp_parameters(), torch.float64)
    geometry = operator.geometry(batch_of(environments["crystal"], environments["line"]))
    jacobian = operator.jacobian(geometry)
    v = random_like(len(geometry.positions), operator.size)
    assert jacobian.shape == (6, operator.size, 6, 3)
    torch.testing.assert_close(
        torch.einsum("ad,adkx->kx", v, jacobian), operator.vjp(geometry, v), atol=1e-11, rtol=0
    )
    assert (jacobian[:3, :, 3:] == 0).all()


def rotation():
    """A rotation about no axis in particular."""
    q, r = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


@pytest.mark.parametrize("name", ["molecule", "crystal", "slab"])
def test_turning_and_shifting_changes_nothing(environments, bp_parameters, name):
    structure, p = environments[name], bp_parameters()
    turn = rotation()
    turned = dataclasses.replace(
        structure,
        positions=structure.positions @ turn.T + [3.0, -2.0, 7.5],
        cell=structure.cell @ turn.T,
    )
    operator = BP(p, torch.float64)
    one, other = (operator.geometry(batch_of(item)) for item in (structure, turned))
    torch.testing.assert_close(operator.compute(other), operator.compute(one), atol=1e-12, rtol=0)
    v = random_like(len(structure.species), p.size)
    expected = operator.vjp(one, v) @ torch.from_numpy(turn.T)
    torch.testing.assert_close(operator.vjp(other, v), expected, atol=1e-11, rtol=0)


def test_moving_everything_changes_nothing(whole, bp_parameters):
    operator = BP(bp_parameters(), torch.float64)
    geometry = operator.geometry(whole)
    gradient = operator.vjp(geometry, random_like(len(geometry.positions), operator.size))
    sums = torch.zeros(len(whole), 3, dtype=torch.float64)
    sums.index_add_(0, geometry.structure, gradient)
    torch.testing.assert_close(sums, torch.zeros_like(sums), atol=1e-11, rtol=0)
    everything = torch.ones(len(geometry.positions), 3, dtype=torch.float64)
    assert float(operator.jvp(geometry, everything).abs().max()) < 1e-12


def test_the_order_of_atoms_does_not_matter(environments, bp_parameters):
    structure = environments["molecule"]
    order = np.random.default_rng(1).permutation(len(structure.species))
    mixed = dataclasses.replace(
        structure, positions=structure.positions[order], species=structure.species[order]
    )
    one, other = (
        compute_descriptors(batch_of(item), bp_parameters(), dtype=torch.float64)
        for item in (structure, mixed)
    )
    np.testing.assert_allclose(other, one[order], atol=1e-13, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_batch_is_its_structures(environments, whole, bp_parameters, dtype):
    operator = BP(bp_parameters(), dtype)
    geometry = operator.geometry(whole)
    values = operator.compute(geometry)
    v = random_like(*values.shape, dtype=dtype)
    u = random_like(len(v), 3, seed=1, dtype=dtype)
    gradient, change = operator.vjp(geometry, v), operator.jvp(geometry, u)
    tolerance = {"atol": 1e-12 if dtype == torch.float64 else 2e-5, "rtol": 0}
    for index, structure in enumerate(environments.values()):
        own = slice(whole.offsets[index], whole.offsets[index + 1])
        alone = operator.geometry(batch_of(structure))
        torch.testing.assert_close(operator.compute(alone), values[own], **tolerance)
        torch.testing.assert_close(operator.vjp(alone, v[own]), gradient[own], **tolerance)
        torch.testing.assert_close(operator.jvp(alone, u[own]), change[own], **tolerance)


def test_pieces_give_the_same_and_bound_the_memory(whole, bp_parameters, monkeypatch):
    operator, pieces = (
        BP(bp_parameters(), torch.float64),
        BP(bp_parameters(), torch.float64, chunk=30),
    )
    geometry = operator.geometry(whole)
    expected = operator.compute(geometry)
    seen = []
    original = shared_operator.sum_rows
    monkeypatch.setattr(
        shared_operator, "sum_rows", lambda x, *rest: (seen.append(len(x)), original(x, *rest))[1]
    )
    torch.testing.assert_close(pieces.compute(geometry), expected, atol=1e-13, rtol=0)
    most = int(np.diff(geometry.triples_until).max())
    assert max(seen) <= max(30, most) < len(geometry.first)


def test_single_precision_is_near_double(whole, bp_parameters):
    single, double = BP(bp_parameters()), BP(bp_parameters(), torch.float64)
    geometry = double.geometry(whole)
    v = random_like(len(geometry.positions), double.size)
    u = random_like(len(v), 3, seed=1)
    for name, argument in (("vjp", v), ("jvp", u)):
        exact = getattr(double, name)(geometry, argument)
        found = getattr(single, name)(geometry, argument)
        assert found.dtype == torch.float32
        scale = float(exact.abs().max())
        torch.testing.assert_close(found.double(), exact, atol=2e-6 * scale, rtol=0)
    torch.testing.assert_close(
        single.compute(geometry).double(), double.compute(geometry), atol=3e-5, rtol=0
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("zeta", [0.5, 1.0, 2.0, 64.0])
def test_delicate_structures_stay_finite(make, bp_parameters, dtype, zeta):
    axis = [[0.0, 0, 0], [1.1, 0, 0], [-1.3, 0, 0], [2.2, 0, 0]]
    structures = {
        "one atom": make([[0.0, 0, 0]]),
        "nobody near": make([[0.0, 0, 0], [9.0, 0, 0]]),
        "collinear": make(axis, [0, 1, 1, 0]),
        "neighbours together": make([[0.0, 0, 0], [1.1, 0.2, 0.1], [1.1, 0.2, 0.1]]),
        "on the centre": make([[0.0, 0, 0], [0.0, 0, 0], [1.1, 0.2, 0.1]]),
        "images": make([[0.0, 0, 0]], cell=np.eye(3) * 1.2),
        "at the cutoff": make([[0.0, 0, 0], [2.9, 0, 0], [1.45, 2.9 * math.sqrt(0.75), 0]]),
        "very near": make([[0.0, 0, 0], [1e-6, 0, 0], [1.0, 1e-6, 0]]),
    }
    operator = BP(bp_parameters(zeta=zeta, eta_ang=[0.0, 0.2, 30.0]), dtype)
    for name, structure in structures.items():
        geometry = operator.geometry(batch_of(structure))
        values = operator.compute(geometry)
        v, u = torch.ones_like(values), random_like(len(values), 3)
        for found in (values, operator.vjp(geometry, v), operator.jvp(geometry, u)):
            assert torch.isfinite(found).all(), name
        if name in ("one atom", "nobody near"):
            assert (values == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_exponents_below_one_have_a_kink_and_no_infinity(make, bp_parameters, dtype):
    """((1 + c) / 2)^(1/2) is |cos(t / 2)|: at t = pi its slope has no limit, but stays small."""
    axis = np.array([[0.37, -0.81, 0.23]])
    for bend in (0.0, 1e-9, 1e-5):
        line = np.array([[0.0], [1.2], [-1.3], [2.3]]) * axis + [[0, 0, 0], [bend, 0, 0]] * 2
        operator = BP(bp_parameters(zeta=0.5, eta_ang=0.1), dtype)
        geometry = operator.geometry(batch_of(make(line, [0, 1, 1, 0])))
        jacobian = operator.jacobian(geometry)
        assert 0.1 < float(jacobian.abs().max()) < 10


def test_neighbours_in_one_place_count_as_a_triple(make, bp_parameters):
    """j = k in place: c = 1 and r_jk = 0, the limit of two neighbours that approach."""
    together = make([[0.0, 0, 0], [1.1, 0.2, 0.1], [1.1, 0.2, 0.1]])
    nearly = make([[0.0, 0, 0], [1.1, 0.2, 0.1], [1.1, 0.2, 0.1 + 1e-6]])
    operator = BP(bp_parameters(zeta=[1.0, 4.0]), torch.float64)
    one, other = (operator.geometry(batch_of(item)) for item in (together, nearly))
    v = random_like(3, operator.size)
    torch.testing.assert_close(
        operator.compute(one)[0], operator.compute(other)[0], atol=1e-5, rtol=0
    )
    # Only the centre's own terms: the two others are no neighbours of one another in `together`.
    v[1:] = 0
    torch.testing.assert_close(operator.vjp(one, v), operator.vjp(other, v), atol=1e-5, rtol=0)
    assert float(operator.compute(one)[0, 12:].max()) > 0.1


@pytest.mark.parametrize("side", ["r_ij", "r_jk"])
def test_everything_is_continuous_at_the_cutoff(make, bp_parameters, side):
    p = bp_parameters(zeta=[1.0, 3.0])
    operator = BP(p, torch.float64)
    cutoff = p.cutoff_angular
    v = None

    def at(distance):
        if side == "r_ij":  # of the first atom; the third is near both
            return [[0.0, 0, 0], [distance, 0, 0], [1.4, 0.9, 0]]
        height = math.sqrt(2.0**2 - (distance / 2) ** 2)
        return [[0.0, 0, 0], [-distance / 2, height, 0], [distance / 2, height, 0]]

    def outcome(distance):
        nonlocal v
        geometry = operator.geometry(batch_of(make(at(distance), [0, 1, 1])))
        values = operator.compute(geometry)
        v = random_like(*values.shape) if v is None else v
        # The radial part has another cutoff: it changes steadily here.
        v[:, : p.radial_size] = 0
        return values[:, p.radial_size :], operator.vjp(geometry, v)

    inside, outside = outcome(cutoff - 1e-5), outcome(cutoff + 1e-5)
    deep = outcome(cutoff - 0.4)
    assert float(deep[1].abs().max()) > 1e-3
    # fc vanishes as the square of the distance to the cutoff, its slope as the distance.
    torch.testing.assert_close(inside[0], outside[0], atol=1e-9, rtol=0)
    torch.testing.assert_close(inside[1], outside[1], atol=1e-4, rtol=0)
    if side == "r_jk":
        near = len(operator.geometry(batch_of(make(at(cutoff - 1e-5), [0, 1, 1]))).first)
        far = len(operator.geometry(batch_of(make(at(cutoff + 1e-5), [0, 1, 1]))).first)
        assert (near, far) == (3, 0)


def test_lists_with_a_skin_hold_for_moved_atoms(environments, bp_parameters):
    operator = BP(bp_parameters(), torch.float64)
    for name in ("crystal", "slab"):
        structure = environments[name]
        wide = operator.geometry(batch_of(structure), skin=0.4)
        step = np.random.default_rng(5).uniform(-0.1, 0.1, structure.positions.shape)
        fresh = operator.geometry(batch_of(moved(structure, step)))
        reused = dataclasses.replace(wide, positions=wide.positions + torch.from_numpy(step))
        assert len(wide.first) > len(fresh.first)
        torch.testing.assert_close(
            operator.compute(reused), operator.compute(fresh), atol=1e-13, rtol=0
        )
        v = random_like(len(step), operator.size)
        torch.testing.assert_close(
            operator.vjp(reused, v), operator.vjp(fresh, v), atol=1e-12, rtol=0
        )


def test_lists_of_a_data_set_give_those_of_its_batches(environments, whole, bp_parameters):
    operator = BP(bp_parameters(), torch.float64)
    names = list(environments)
    chosen = np.array([names.index(name) for name in ("slab", "molecule", "slab")])
    sizes = whole.num_atoms[chosen]
    atoms = np.concatenate([whole.offsets[index] + np.arange(whole.num_atoms[index])
                            for index in chosen.tolist()])  # fmt: skip
    batch = BatchAtoms.of(chosen, atoms, np.repeat(np.arange(3), sizes))
    products = NeighborLists(operator, whole).batch(batch)
    geometry = operator.geometry(batch_of(*(environments[names[index]] for index in chosen)))
    v, u = random_like(len(atoms), operator.size), random_like(len(atoms), 3, seed=1)
    torch.testing.assert_close(products.vjp(v), operator.vjp(geometry, v), atol=1e-12, rtol=0)
    torch.testing.assert_close(products.jvp(u), operator.jvp(geometry, u), atol=1e-12, rtol=0)


def test_the_parameters_choose_the_operator(parameters, bp_parameters):
    assert isinstance(operator_of(parameters()), MBP)
    found = operator_of(bp_parameters(), torch.float64, chunk=7)
    assert isinstance(found, BP)
    assert (found.dtype, found.chunk, found.size) == (torch.float64, 7, 48)
