import dataclasses

import numpy as np
import pytest
import torch

from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.mbp import MBP

GENERATIONS = ("A", "B", "C")
# Without smoothing, exactly collinear triples have a kink: crystals with images of one atom.
SMOOTH = {
    "A": ("molecule", "far apart", "atom"),
    "B": ("molecule", "far apart", "atom"),
    "C": ("molecule", "crystal", "outside", "small cell", "slab", "chain", "flags", "line"),
}
CASES = [(generation, name) for generation in GENERATIONS for name in SMOOTH[generation]]


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


def plain_descriptors(geometry, positions, p, strain=None):
    """The formulas with one torch operation each, for autograd (generation C)."""
    i, j = geometry.center, geometry.neighbor
    vectors = positions[j] + geometry.shift - positions[i]
    if strain is not None:
        vectors = vectors + vectors @ strain
    r = vectors.norm(dim=1)
    num_species = len(p.species)

    def fc(distance, cutoff):
        return 0.5 * (1 + torch.cos(torch.pi * distance / cutoff)) * (distance < cutoff)

    def column(values):
        return torch.tensor(values, dtype=torch.float64)

    eta, start = column(p.radial_eta), column(p.radial_centers)
    terms = torch.exp(-eta * (r[:, None] - start) ** 2)
    terms = terms * fc(r, p.cutoff_radial)[:, None]
    rows = i * num_species + geometry.species[j]
    radial = torch.zeros(len(positions) * num_species, terms.shape[1], dtype=torch.float64)
    radial = radial.index_add(0, rows, terms).reshape(len(positions), -1)

    one, other = geometry.first, geometry.second
    s, t = geometry.species[j[one]], geometry.species[j[other]]
    c = ((vectors[one] * vectors[other]).sum(1) / (r[one] * r[other]))[:, None]
    theta, zeta = column(p.thetas), column(p.zeta)
    eta, start = column(p.angular_eta), column(p.angular_centers)
    smooth = 0.01 * torch.sin(theta) ** 2
    base = 1 + c * theta.cos() + torch.sqrt(1 - c**2 + smooth) * theta.sin()
    angle = (base / (1 + torch.sqrt(1 + smooth))) ** zeta
    mean = (r[one] + r[other])[:, None] / 2
    gauss = torch.exp(-eta * (mean - start) ** 2)
    cutoffs = fc(r[one], p.cutoff_angular) * fc(r[other], p.cutoff_angular)
    terms = 2 * (gauss[:, :, None] * angle[:, None, :]).flatten(1) * cutoffs[:, None]
    num_pairs = num_species * (num_species + 1) // 2
    rows = i[one] * num_pairs + s * num_species - s * (s - 1) // 2 + t - s
    angular = torch.zeros(len(positions) * num_pairs, terms.shape[1], dtype=torch.float64)
    angular = angular.index_add(0, rows, terms).reshape(len(positions), -1)
    return torch.cat([radial, angular], dim=1)


@pytest.fixture
def whole(environments):
    return batch_of(*environments.values())


def test_products_agree_with_autograd(whole, parameters):
    chosen = parameters()
    operator = MBP(chosen, torch.float64)
    geometry = operator.geometry(whole)
    positions = geometry.positions.clone().requires_grad_()
    strain = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    plain = plain_descriptors(geometry, positions, chosen, strain)
    torch.testing.assert_close(operator.compute(geometry), plain.detach(), atol=1e-12, rtol=0)

    v = random_like(*plain.shape)
    by_positions, by_strain = torch.autograd.grad(
        (v * plain).sum(), (positions, strain), create_graph=True
    )
    gradient, strains = operator.vjp_with_strain(geometry, v)
    torch.testing.assert_close(operator.vjp(geometry, v), gradient, atol=0, rtol=0)
    torch.testing.assert_close(gradient, by_positions.detach(), atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(strains.sum(0), by_strain.detach(), atol=1e-9, rtol=1e-10)

    u = random_like(*positions.shape, seed=1)
    _, expected = torch.autograd.functional.jvp(
        lambda x: plain_descriptors(geometry, x, chosen), geometry.positions, u
    )
    torch.testing.assert_close(operator.jvp(geometry, u), expected, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize(("generation", "name"), CASES)
def test_products_agree_with_finite_differences(environments, parameters, generation, name):
    structure = environments[name]
    operator = MBP(parameters(generation), torch.float64)
    geometry = operator.geometry(batch_of(structure))
    u = random_like(*geometry.positions.shape)

    def compute(step):
        return operator.compute(operator.geometry(batch_of(moved(structure, step * u.numpy()))))

    expected = finite_difference(compute)
    scale = 1 + float(expected.abs().max())
    found = operator.jvp(geometry, u)
    torch.testing.assert_close(found, expected, atol=1e-7 * scale, rtol=0)
    v = random_like(*expected.shape, seed=1)
    assert float((operator.vjp(geometry, v) * u).sum()) == pytest.approx(
        float((v * found).sum()), abs=1e-10 * scale * v.numel()
    )


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_two_products_are_transposes(whole, parameters, generation):
    operator = MBP(parameters(generation), torch.float64, chunk=100)
    geometry = operator.geometry(whole)
    u = random_like(*geometry.positions.shape)
    v = random_like(len(u), operator.size, seed=1)
    left = float((operator.vjp(geometry, v) * u).sum())
    assert left == pytest.approx(float((v * operator.jvp(geometry, u)).sum()), rel=1e-11)


@pytest.mark.parametrize("name", ["crystal", "small cell", "molecule"])
def test_the_strain_gradient_agrees_with_finite_differences(environments, parameters, name):
    structure = environments[name]
    operator = MBP(parameters(), torch.float64)
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


def test_moving_everything_changes_nothing(whole, parameters):
    operator = MBP(parameters(), torch.float64)
    geometry = operator.geometry(whole)
    v = random_like(len(geometry.positions), operator.size)
    gradient = operator.vjp(geometry, v)
    sums = torch.zeros(len(whole), 3, dtype=torch.float64)
    sums.index_add_(0, geometry.structure, gradient)
    torch.testing.assert_close(sums, torch.zeros_like(sums), atol=1e-11, rtol=0)
    everything = torch.ones(len(geometry.positions), 3, dtype=torch.float64)
    assert float(operator.jvp(geometry, everything).abs().max()) < 1e-12


def test_the_jacobian_is_that_of_the_products(environments, parameters):
    operator = MBP(parameters(), torch.float64)
    geometry = operator.geometry(batch_of(environments["crystal"], environments["line"]))
    jacobian = operator.jacobian(geometry)
    v = random_like(len(geometry.positions), operator.size)
    assert jacobian.shape == (6, operator.size, 6, 3)
    torch.testing.assert_close(
        torch.einsum("ad,adkx->kx", v, jacobian), operator.vjp(geometry, v), atol=1e-11, rtol=0
    )
    assert (jacobian[:3, :, 3:] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("chunk", [1, 30])
def test_pieces_and_batches_give_the_same(environments, parameters, whole, dtype, chunk):
    operator, pieces = MBP(parameters(), dtype), MBP(parameters(), dtype, chunk=chunk)
    geometry = operator.geometry(whole)
    v = random_like(len(geometry.positions), operator.size, dtype=dtype)
    u = random_like(len(geometry.positions), 3, seed=1, dtype=dtype)
    gradient, change = operator.vjp(geometry, v), operator.jvp(geometry, u)
    tolerance = {"atol": 1e-10 if dtype == torch.float64 else 2e-4, "rtol": 1e-5}
    torch.testing.assert_close(pieces.vjp(geometry, v), gradient, **tolerance)
    torch.testing.assert_close(pieces.jvp(geometry, u), change, **tolerance)
    for index, structure in enumerate(environments.values()):
        atoms = slice(whole.offsets[index], whole.offsets[index + 1])
        alone = operator.geometry(batch_of(structure))
        torch.testing.assert_close(operator.vjp(alone, v[atoms]), gradient[atoms], **tolerance)
        torch.testing.assert_close(operator.jvp(alone, u[atoms]), change[atoms], **tolerance)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("size", [0.0, 1e-6, 1e-3])
def test_float32_on_a_line(make, parameters, generation, size):
    noise = np.random.default_rng(4).normal(size=(4, 3))
    line = np.outer(np.arange(4) * 0.9, [1.0, 2.0, 3.0] / np.sqrt(14))
    batch = batch_of(make(line + size * noise, [0, 1, 1, 0]))
    found = []
    for dtype in (torch.float32, torch.float64):
        operator = MBP(parameters(generation), dtype)
        v = random_like(4, operator.size, dtype=dtype)
        found.append(operator.vjp(operator.geometry(batch), v).double())
    assert torch.isfinite(found[0]).all()
    assert torch.isfinite(found[1]).all()
    # Without smoothing nothing is defined below the noise of float32 itself.
    if generation == "C" or size > 1e-4:
        torch.testing.assert_close(found[0], found[1], atol=2e-3, rtol=1e-4)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_is_undefined(whole, parameters, generation, dtype):
    for zeta in (0.4, 1.0, 400.0):
        operator = MBP(
            parameters(generation, zeta=zeta, Thetas_list=[0.0, 45.0, 90.0, 180.0]), dtype
        )
        geometry = operator.geometry(whole)
        v = random_like(len(geometry.positions), operator.size, dtype=dtype)
        u = random_like(len(geometry.positions), 3, seed=1, dtype=dtype)
        assert torch.isfinite(operator.compute(geometry)).all()
        assert torch.isfinite(operator.vjp(geometry, v)).all()
        assert torch.isfinite(operator.jvp(geometry, u)).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_continuous_at_the_cutoffs(make, parameters, dtype):
    chosen = parameters()
    operator = MBP(chosen, dtype)
    v = random_like(3, operator.size, dtype=dtype)
    for cutoff in (chosen.cutoff_radial, chosen.cutoff_angular):
        found = [
            operator.vjp(
                operator.geometry(
                    batch_of(make([[0, 0, 0], [0, 1, 0], [cutoff + step, 0, 0]], [0, 1, 1]))
                ),
                v,
            )
            for step in (-1e-6, -1e-7, 1e-7, 1e-6)
        ]
        for other in found[1:]:
            torch.testing.assert_close(found[0], other, atol=2e-4, rtol=0)


def test_atoms_without_neighbours_feel_nothing(environments, parameters):
    operator = MBP(parameters())
    geometry = operator.geometry(batch_of(environments["atom"], environments["far apart"]))
    gradient, strain = operator.vjp_with_strain(geometry, torch.ones(3, operator.size))
    assert (gradient == 0).all()
    assert (strain == 0).all()
    assert (operator.jvp(geometry, torch.ones(3, 3)) == 0).all()
