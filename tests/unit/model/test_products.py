"""Matrix products with rounded factors, and that nothing but a training's steps has them."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from panna_exp.assembly.machine import choose_products
from panna_exp.config.schema import Matmul
from panna_exp.errors import ConfigError
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.products import BF16, EXACT, TF32
from panna_exp.model.torch_engine import TorchEngine
from panna_exp.networks.layers import Activation, LayerData, NetworkData

COUNTS = (3, 0, 2)


@pytest.fixture(autouse=True)
def _same_numbers():
    torch.manual_seed(0)


def make_networks(hidden, equal=True):
    random = np.random.default_rng(0)
    layers = [
        LayerData(random.normal(size=pair), random.normal(size=pair[1]), activation)
        for pair, activation in zip(pairwise([5, 4, 1]), (hidden, Activation.linear), strict=True)
    ]
    narrow = [
        LayerData(random.normal(size=pair), random.normal(size=pair[1]), activation)
        for pair, activation in zip(pairwise([5, 3, 1]), (hidden, Activation.linear), strict=True)
    ]
    data = [
        NetworkData(symbol=symbol, layers=tuple(chosen), offset=0.0)
        for symbol, chosen in zip("HCO", (layers, layers, layers if equal else narrow), strict=True)
    ]
    networks = SpeciesNetworks(data, torch.float32)
    for parameter in networks.parameters():
        parameter.grad = torch.zeros_like(parameter)
    return networks


def gradient(networks, products, descriptors, direction):
    engine = TorchEngine(networks, products)
    cache = engine.forward(descriptors, COUNTS)
    engine.input_gradient(cache)
    engine.backward(cache, torch.ones(sum(COUNTS)), direction)
    return torch.cat([parameter.grad.view(-1) for parameter in networks.parameters()])


def rounded(values):
    return values.bfloat16().float()


def test_bf16_rounds_the_factors_and_nothing_else():
    a, b, added = torch.randn(3, 4), torch.randn(4, 2), torch.randn(2)
    expected = rounded(a) @ rounded(b)
    torch.testing.assert_close(BF16.mm(a, b), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(BF16.addmm(added, a, b), added + expected, rtol=1e-6, atol=1e-6)
    out = torch.empty(3, 2)
    BF16.mm(a, b, out=out)
    BF16.addmm(out, a, b, out=out)
    torch.testing.assert_close(out, 2 * expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("hidden", list(Activation))
def test_gradients_use_the_products_they_are_told_to(hidden, equal):
    networks = make_networks(hidden, equal)
    descriptors, direction = torch.randn(2, sum(COUNTS), 5)
    exact = gradient(networks, EXACT, descriptors, direction)
    coarse = gradient(networks, BF16, descriptors, direction)
    difference = float((coarse - exact).norm() / exact.norm())
    assert 1e-5 < difference < 0.1
    assert torch.equal(gradient(networks, EXACT, descriptors, direction), exact)


def test_tf32_puts_the_setting_back_and_changes_nothing_on_a_cpu():
    a, b = torch.randn(3, 4), torch.randn(4, 2)
    before = torch.get_float32_matmul_precision()
    assert torch.equal(TF32.mm(a, b), a @ b)
    assert torch.get_float32_matmul_precision() == before
    with pytest.raises(RuntimeError):
        TF32.mm(a, a)
    assert torch.get_float32_matmul_precision() == before


def test_the_choice(caplog):
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert choose_products(Matmul.float32, cpu) is EXACT
    assert choose_products(Matmul.tf32, cuda) is TF32
    assert choose_products(Matmul.bf16, cuda) is BF16
    assert not caplog.messages
    assert choose_products(Matmul.bf16, cpu) is BF16
    assert "is imitated on cpu" in caplog.messages[0]
    with pytest.raises(ConfigError, match=r"training[.]matmul=tf32: only GPUs have TF32"):
        choose_products(Matmul.tf32, cpu)
