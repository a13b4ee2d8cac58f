import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.training import optimizer as optimizers
from panna_exp.training.flat import FlatParameters
from panna_exp.training.optimizer import Adam, AdamSettings


def make_parameters(trainable=(True, True)):
    random = np.random.default_rng(0)
    layers = (
        LayerData(random.normal(size=(3, 2)), random.normal(size=2), Activation.gaussian),
        LayerData(random.normal(size=(2, 1)), random.normal(size=1), Activation.linear),
    )
    data = NetworkData(symbol="H", layers=layers, offset=0.0, trainable=trainable)
    networks = SpeciesNetworks([data], torch.float64)
    return networks, FlatParameters(networks)


def tensorflow_adam(values, gradients, rate, beta1, beta2, eps):
    """Kingma and Ba's "epsilon hat" form, written out."""
    m = v = np.zeros_like(values)
    for t, g in enumerate(gradients, 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        step = rate * math.sqrt(1 - beta2**t) / (1 - beta1**t)
        values = values - step * m / (np.sqrt(v) + eps)
    return values


def torch_adam(values, gradients, rate, beta1, beta2, eps):
    parameter = torch.nn.Parameter(torch.from_numpy(values.copy()))
    adam = torch.optim.Adam([parameter], lr=rate, betas=(beta1, beta2), eps=eps)
    for g in gradients:
        parameter.grad = torch.from_numpy(g)
        adam.step()
    return parameter.detach().numpy()


@pytest.mark.parametrize(("tensorflow", "oracle"), [(True, tensorflow_adam), (False, torch_adam)])
def test_adam_is_the_textbook_one_for_both_placements_of_epsilon(tensorflow, oracle):
    _, parameters = make_parameters()
    settings = AdamSettings(beta1=0.8, beta2=0.99, eps=1e-2, tensorflow_eps=tensorflow)
    adam = Adam(parameters, settings)
    gradients = list(np.random.default_rng(1).normal(size=(20, len(parameters.values))) * 1e-2)
    expected = oracle(parameters.values.numpy().copy(), gradients, 0.05, 0.8, 0.99, 1e-2)
    for gradient in gradients:
        parameters.gradients.copy_(torch.from_numpy(gradient))
        adam.step(0.05)
    np.testing.assert_allclose(parameters.values.numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_an_update_has_the_bits_of_the_public_optimizer(dtype):
    torch.manual_seed(0)
    parameter = torch.nn.Parameter(torch.randn(1000, dtype=dtype))
    flat = SimpleNamespace(values=parameter.detach().clone(), gradients=torch.empty(1000).to(dtype))
    ours = Adam(flat, AdamSettings(beta1=0.8, beta2=0.99, eps=1e-5, tensorflow_eps=False))
    public = torch.optim.Adam([parameter], lr=0.01, betas=(0.8, 0.99), eps=1e-5, fused=True)
    for _ in range(20):
        flat.gradients.normal_()
        parameter.grad = flat.gradients.clone()
        ours.step(0.01)
        public.step()
    assert torch.equal(flat.values, parameter.detach())


def test_a_layer_that_is_frozen_later_does_not_move_by_the_moments_that_it_had():
    _, parameters = make_parameters()
    adam = Adam(parameters, AdamSettings())
    for _ in range(3):
        parameters.gradients.fill_(0.3)
        adam.step(0.05)
    networks, later = make_parameters(trainable=(False, True))
    before = [tensor.clone() for _, _, tensor, _ in networks.named_layers()]
    frozen = Adam(later, AdamSettings())
    frozen.load(adam.state())
    later.gradients.zero_()  # what is left moves by its moments alone
    frozen.step(0.05)
    moved = [
        not torch.equal(old, tensor)
        for old, (_, _, tensor, _) in zip(before, networks.named_layers(), strict=True)
    ]
    assert moved == [False, False, True, True]


def test_clipping_limits_every_gradient_element():
    _, parameters = make_parameters()
    adam = Adam(parameters, AdamSettings(clip_value=0.1))
    parameters.gradients.copy_(torch.linspace(-1, 1, len(parameters.values)))
    adam.step(0.0)
    assert parameters.gradients.abs().max() == 0.1


def test_parameters_are_views_of_the_buffer_and_frozen_ones_are_not():
    networks, parameters = make_parameters((False, True))
    first, last = networks.networks[0].layers
    frozen = first.weights.detach().clone()
    parameters.values.zero_()
    assert last.weights.abs().sum() == 0
    assert torch.equal(first.weights, frozen)
    assert [slot.name for slot in parameters.slots] == ["H.1.weights", "H.1.biases"]


def test_state_is_taken_back_by_name():
    _, parameters = make_parameters()
    adam = Adam(parameters, AdamSettings())
    parameters.gradients.fill_(0.5)
    adam.step(0.1)
    _, other = make_parameters((False, True))
    restored = Adam(other, AdamSettings())
    assert restored.load(adam.state()) == []
    assert restored.updates == 1
    slot = other.slots[0]
    expected = adam.parameters.split(adam.first_moment)[slot.name]
    assert torch.equal(other.view(restored.first_moment, slot), expected)


def test_moments_missing_from_a_state_are_named():
    _, parameters = make_parameters((False, True))
    state = Adam(parameters, AdamSettings()).state()
    _, full = make_parameters()
    assert Adam(full, AdamSettings()).load(state) == ["H.0.weights", "H.0.biases"]


def test_learning_rates():
    exponential = optimizers.exponential(0.01, 0.5, 100, staircase=False)
    assert exponential(0) == 0.01
    assert exponential(50) == pytest.approx(0.01 * 0.5**0.5)
    stairs = optimizers.exponential(0.01, 0.5, 100, staircase=True)
    assert [stairs(step) for step in (99, 100, 250)] == [0.01, 0.005, 0.0025]
    cosine = optimizers.cosine(0.01, 0.001, 200)
    assert [cosine(step) for step in (0, 100, 200)] == pytest.approx([0.01, 0.0055, 0.001])
    assert optimizers.constant(0.3)(12345) == 0.3


def test_the_whole_gradient_is_shortened():
    _, parameters = make_parameters()
    random = torch.Generator().manual_seed(0)
    gradient = torch.randn(parameters.values.shape, generator=random, dtype=torch.float64)
    for longest, expected in ((0.5, gradient * 0.5 / gradient.norm()), (1e3, gradient)):
        parameters.gradients.copy_(gradient)
        Adam(parameters, AdamSettings(clip_norm=longest)).step(0.1)
        torch.testing.assert_close(parameters.gradients, expected)


def test_a_rate_that_warms_up():
    rate = optimizers.warmed_up(optimizers.constant(0.4), 4)
    assert [rate(step) for step in range(6)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])
