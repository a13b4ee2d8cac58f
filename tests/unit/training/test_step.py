"""One step: its gradient beside autograd's, what it adds to totals, and what comes of an update."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from panna_exp.training.average import MovingAverage
from panna_exp.training.masks import Masks
from panna_exp.training.metrics import Totals
from panna_exp.training.processes import Processes

CPU = torch.device("cpu")
COST, L2 = 0.3, 0.01


def loss_by_autograd(step, batch, forces):
    """The whole loss, differentiable by the parameters, written down once more."""
    descriptors = batch.descriptors.clone().requires_grad_()
    atoms = step.networks(descriptors, batch.species_counts)
    energy = torch.zeros(len(batch), dtype=atoms.dtype).index_add(0, batch.structure, atoms)
    loss = ((energy - batch.energy) ** 2).mean()
    if forces:
        (by_input,) = torch.autograd.grad(atoms.sum(), descriptors, create_graph=True)
        units = torch.eye(descriptors.numel(), dtype=atoms.dtype)
        jacobian = torch.stack(
            [batch.forces.jacobian.vjp(unit.reshape(descriptors.shape)) for unit in units]
        )
        predicted = -torch.einsum("kac,k->ac", jacobian, by_input.reshape(-1))
        by_atom = ((predicted - batch.forces.target) ** 2).sum(1)
        total = torch.zeros(len(batch), dtype=atoms.dtype).index_add(0, batch.structure, by_atom)
        loss = loss + COST * total.mean()
    weights = [layer for _, kind, layer, _ in step.networks.named_layers() if kind == "weights"]
    return loss + L2 * sum((layer**2).sum() for layer in weights)


@pytest.mark.parametrize("forces", [False, True], ids=["energies", "forces"])
def test_the_gradient_is_that_of_autograd(make_step, make_data, forces):
    step = make_step(forces_cost=COST if forces else 0.0, penalty=L2)
    batch = make_data(forces=forces).batch(np.array([4, 0, 5]))
    trained = [layer for _, _, layer, _ in step.networks.named_layers()]
    loss = loss_by_autograd(step, batch, forces)
    expected = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, trained)])
    totals = Totals(CPU)
    delta = step.differentiate(batch, totals, 0, 1.0)
    totals.count(len(delta))
    torch.testing.assert_close(step.parameters.gradients, expected, rtol=1e-11, atol=1e-12)
    assert totals.read()["loss"] == pytest.approx(loss.item(), rel=1e-12)


def test_a_step_reports_errors_from_before_its_update(make_step, make_data):
    step, batch = make_step(), make_data().batch(np.array([3, 1]))
    before = step.networks(batch.descriptors, batch.species_counts).detach()
    errors = batch.sum_by_structure(before) - batch.energy
    totals = Totals(CPU)
    torch.testing.assert_close(step(batch, 1e-2, totals), errors)
    after = step.networks(batch.descriptors, batch.species_counts).detach()
    assert not torch.allclose(before, after)
    found = totals.read()
    assert found["loss"] == pytest.approx(float((errors**2).mean()), rel=1e-12)
    assert found["energy_mae"] == pytest.approx(float((errors / batch.num_atoms).abs().mean()))


@pytest.mark.parametrize("forces_cost", [0.0, COST])
def test_parts_of_a_batch_add_up_to_its_gradient(make_step, make_data, forces_cost):
    step, data = make_step(forces_cost), make_data(forces=forces_cost > 0)
    whole, totals = np.array([0, 1, 2, 4, 5]), Totals(CPU)
    step.differentiate(data.batch(whole), totals, 0, 1.0)
    expected = step.parameters.gradients.clone()
    found = torch.zeros_like(expected)
    for part in (whole[::2], whole[1::2]):
        step.differentiate(data.batch(part), Totals(CPU), 0, len(part) / len(whole))
        found += step.parameters.gradients
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_a_fraction_that_is_a_tensor_counts_alike(make_step, make_data):
    step, batch = make_step(COST), make_data(forces=True).batch(np.array([2, 5]))
    step.differentiate(batch, Totals(CPU), 0, 0.4)
    expected = step.parameters.gradients.clone()
    step.differentiate(batch, Totals(CPU), 0, torch.tensor(0.4, dtype=torch.float64))
    torch.testing.assert_close(step.parameters.gradients, expected, rtol=1e-15, atol=0)


def test_without_structures_the_update_is_that_of_the_others_gradient(make_step, make_data):
    class Other(Processes):
        size = 2

        def sum_(self, values):
            values += others

    whole, idle = make_step(penalty=L2), make_step(penalty=L2, processes=Other())
    batch = make_data().batch(np.arange(3))
    plain = make_step()
    plain.differentiate(batch, Totals(CPU), 0, 1.0)
    others = plain.parameters.gradients.clone()
    whole(batch, 1e-2, Totals(CPU))
    idle.without_structures(1e-2)
    torch.testing.assert_close(idle.parameters.values, whole.parameters.values)
    assert idle.optimizer.updates == 1


def test_masks_and_averages_follow_the_update(make_step, make_data):
    step = make_step()
    kept = torch.ones(4, 3, dtype=torch.bool)
    kept[1] = False
    step = replace(
        step,
        masks=Masks(step.parameters, {"H.0.weights": kept}),
        average=MovingAverage(step.parameters, 0.5),
    )
    start = step.parameters.values.clone()
    step(make_data().batch(np.arange(4)), 1e-2, Totals(CPU))
    first = step.networks.networks[0].layers[0].weights.detach()
    assert not first[1].any()
    assert first[0].all()
    now, weight = step.parameters.values, step.average.weight(1)
    torch.testing.assert_close(step.average.values, torch.lerp(start, now, weight))
    with step.averaged():
        torch.testing.assert_close(step.parameters.values, step.average.values)
    assert torch.equal(step.parameters.values, now)
