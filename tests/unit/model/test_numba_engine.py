"""Networks by numba: threads, precision, what is no number, what is out of date."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from panna_exp.model import numba_engine
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.numba_engine import NumbaEngine
from panna_exp.model.torch_engine import TorchEngine
from panna_exp.networks.layers import Activation, LayerData, NetworkData

SIZES = (40, 24, 8, 1)
COUNTS = (70, 0, 31)


def make_networks(dtype, hidden=Activation.gaussian):
    random = np.random.default_rng(3)
    found = []
    for symbol in "HCO":
        layers = [
            LayerData(
                weights=random.normal(size=pair) / np.sqrt(pair[0]),
                biases=random.normal(size=pair[1]),
                activation=Activation.linear if pair[1] == 1 else hidden,
            )
            for pair in pairwise(SIZES)
        ]
        found.append(NetworkData(symbol=symbol, layers=tuple(layers), offset=0.0))
    return SpeciesNetworks(found, dtype)


def make_batch(dtype):
    random = np.random.default_rng(4)
    arrays = random.normal(size=(2, sum(COUNTS), SIZES[0])), random.normal(size=sum(COUNTS))
    return (*torch.from_numpy(arrays[0]).to(dtype), torch.from_numpy(arrays[1]).to(dtype))


def all_passes(engine, flat, batch):
    """Energies, dE/dG and the parameters' gradients of both losses."""
    descriptors, direction, by_energy = batch
    found = []
    for forces in (False, True):
        cache = engine.forward(descriptors, COUNTS)
        if forces:
            by_input = engine.input_gradient(cache)
            found += [cache.atom_energy.clone(), by_input.clone()]
        engine.backward(cache, by_energy, direction if forces else None)
        found.append(flat.gradients.clone())
    return found


@pytest.mark.parametrize("hidden", [Activation.gaussian, Activation.relu, Activation.tanh])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 3e-5)], ids=str
)
def test_numba_equals_torch(hidden, threads, dtype, tolerance, make_engine, monkeypatch):
    monkeypatch.setattr(numba_engine, "_ATOMS_PER_THREAD", 20)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    networks, batch = make_networks(dtype, hidden), make_batch(dtype)
    engine, flat = make_engine("numba", networks)
    found = all_passes(engine, flat, batch)
    assert len(engine._latest.parts) == threads
    for one, expected in zip(found, all_passes(TorchEngine(networks), flat, batch), strict=True):
        torch.testing.assert_close(one, expected, rtol=tolerance, atol=tolerance)


def test_the_same_passes_twice_give_the_same_bits(make_engine):
    networks, batch = make_networks(torch.float32), make_batch(torch.float32)
    engine, flat = make_engine("numba", networks)
    first = all_passes(engine, flat, batch)
    for one, other in zip(first, all_passes(engine, flat, batch), strict=True):
        assert torch.equal(one, other)


def test_weights_are_those_of_the_moment_or_a_copy(make_engine):
    networks, batch = make_networks(torch.float64), make_batch(torch.float64)
    of_now, flat = make_engine("numba", networks)
    copied = NumbaEngine(networks)
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
    energies = NumbaEngine(networks).forward(descriptors, COUNTS).atom_energy
    expected = networks(descriptors, COUNTS).detach()
    assert torch.equal(energies.isfinite(), expected.isfinite())
    assert energies[5].isnan()


def test_a_pass_is_out_of_date_after_the_next():
    networks, (descriptors, _, _) = make_networks(torch.float64), make_batch(torch.float64)
    engine = NumbaEngine(networks)
    first = engine.forward(descriptors, COUNTS)
    engine.forward(descriptors, COUNTS)
    with pytest.raises(AssertionError):
        engine.input_gradient(first)
