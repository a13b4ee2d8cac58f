"""Networks by compiled loops: threads, precision, what is no number, what is out of date."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from panna_exp.model import force_gradients, gradients, loop_networks
from panna_exp.model.inference import energies_and_slopes
from panna_exp.model.loop_networks import LoopNetworks
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.passes import without_loops
from panna_exp.networks.layers import Activation, LayerData, NetworkData

SIZES = (40, 24, 8, 1)
COUNTS = (70, 0, 31)


def make_networks(dtype, hidden=Activation.gaussian, last_of_second=Activation.linear):
    random = np.random.default_rng(3)
    found = []
    for symbol, last in (("H", Activation.linear), ("C", last_of_second), ("O", Activation.linear)):
        layers = [
            LayerData(
                weights=random.normal(size=pair) / np.sqrt(pair[0]),
                biases=random.normal(size=pair[1]),
                activation=last if pair[1] == 1 else hidden,
            )
            for pair in pairwise(SIZES)
        ]
        found.append(NetworkData(symbol=symbol, layers=tuple(layers), offset=0.0))
    return SpeciesNetworks(found, dtype)


def make_batch(dtype):
    random = np.random.default_rng(4)
    arrays = random.normal(size=(2, sum(COUNTS), SIZES[0])), random.normal(size=sum(COUNTS))
    return (*torch.from_numpy(arrays[0]).to(dtype), torch.from_numpy(arrays[1]).to(dtype))


def all_passes(networks, flat, batch):
    """Energies, dE/dG and the parameters' gradients of both losses."""
    descriptors, direction, slope = batch
    found = []
    for forces in (False, True):
        if networks.loops is None:
            flat.gradients.zero_()
        passed = gradients.forward(networks, descriptors, COUNTS)
        if forces:
            by_input = force_gradients.input_gradient(networks, passed, COUNTS)
            force_gradients.backward_with_direction(
                networks, passed, by_input, slope, direction, COUNTS
            )
            found += [passed.atom_energy.clone(), by_input.values.clone()]
        else:
            gradients.backward(networks, passed, slope, COUNTS)
        found.append(flat.gradients.clone())
    return found


@pytest.mark.parametrize("hidden", [Activation.gaussian, Activation.relu])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 3e-5)], ids=str
)
def test_loops_equal_the_eager_passes(hidden, threads, dtype, tolerance, use_loops, monkeypatch):
    monkeypatch.setattr(loop_networks, "_ATOMS_A_THREAD", 20)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    networks, batch = make_networks(dtype, hidden), make_batch(dtype)
    flat = use_loops(networks)
    found = all_passes(networks, flat, batch)
    assert len(networks.loops._latest.parts) == threads
    networks.loops = None
    for one, expected in zip(found, all_passes(networks, flat, batch), strict=True):
        torch.testing.assert_close(one, expected, rtol=tolerance, atol=tolerance)


def test_the_same_passes_twice_give_the_same_bits(use_loops):
    networks, batch = make_networks(torch.float32), make_batch(torch.float32)
    flat = use_loops(networks)
    first = all_passes(networks, flat, batch)
    for one, other in zip(first, all_passes(networks, flat, batch), strict=True):
        assert torch.equal(one, other)


def test_weights_are_those_of_the_moment_or_a_copy(use_loops):
    networks, batch = make_networks(torch.float64), make_batch(torch.float64)
    flat = use_loops(networks)
    of_now, copied = networks.loops, LoopNetworks(networks)
    before = copied.forward(batch[0], COUNTS).atom_energy
    flat.values.mul_(1.1)
    assert torch.equal(copied.forward(batch[0], COUNTS).atom_energy, before)
    energies = of_now.forward(batch[0], COUNTS).atom_energy
    torch.testing.assert_close(energies, networks(batch[0], COUNTS).detach())
    assert not torch.allclose(energies, before)


def test_what_is_no_number_stays_so():
    networks = make_networks(torch.float32)
    descriptors, _, _ = make_batch(torch.float32)
    descriptors[5, 3], descriptors[80, 0] = float("nan"), float("inf")
    energies = LoopNetworks(networks).forward(descriptors, COUNTS).atom_energy
    expected = networks(descriptors, COUNTS).detach()
    assert torch.equal(energies.isfinite(), expected.isfinite())
    assert energies[5].isnan()


def test_a_pass_is_out_of_date_after_the_next():
    networks, (descriptors, _, _) = make_networks(torch.float64), make_batch(torch.float64)
    loops = LoopNetworks(networks)
    first = loops.forward(descriptors, COUNTS)
    loops.forward(descriptors, COUNTS)
    with pytest.raises(AssertionError):
        loops.input_gradient(first)


@pytest.mark.parametrize("with_loops", [True, False])
def test_inference_in_pieces_equals_that_of_all_atoms(with_loops, monkeypatch):
    networks, (descriptors, _, _) = make_networks(torch.float64), make_batch(torch.float64)
    passed = gradients.forward(networks, descriptors, COUNTS)
    slopes = force_gradients.input_gradient(networks, passed, COUNTS).values
    networks.loops = LoopNetworks(networks) if with_loops else None
    monkeypatch.setattr("panna_exp.model.inference._ATOMS", 23)  # pieces end within a species
    energies, found = energies_and_slopes(networks, descriptors, COUNTS)
    torch.testing.assert_close(energies, passed.atom_energy, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(found, slopes, rtol=1e-13, atol=1e-13)


def test_what_has_no_loops_is_named():
    assert not without_loops(make_networks(torch.float64))
    (reason,) = without_loops(make_networks(torch.float64, Activation.tanh))
    assert reason == "there are no loops for tanh layers"
    (reason,) = without_loops(make_networks(torch.float64, last_of_second=Activation.relu))
    assert "the same layers for all species" in reason
