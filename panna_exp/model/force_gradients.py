"""Parameter gradients of a loss of energies and forces, written out with first derivatives only.

Forces are F = -J^T v with v = dE/dG, the networks' gradient by their input, and J the descriptors'
Jacobian. A loss L(E, F) has, with a = dL/dE by atom and t = -J dL/dF, the parameter gradient of

    sum_i a_i E_i + t_i . v_i

in which t_i . v_i is the derivative of E_i along t_i. With x' the change of a layer's input x along
t, y = act(z), z = x W + b:  z' = x' W, y' = act'(z) z'. From the last layer to the first, with bars
for derivatives of the sum above: s = dE/dz (which v needed already) is the bar of z', and

    bar z = act'(z) bar y + (act''(z) / act'(z)) z' s,   dW = x^T bar z + x'^T s,   db = sum bar z.

Shapes: A atoms, T species, n_t atoms of species t, D descriptor components.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from panna_exp.model import uniform
from panna_exp.model.gradients import AnyPass
from panna_exp.model.networks import AtomicNetwork, SpeciesNetworks
from panna_exp.model.passes import LoopGradient, LoopPass
from panna_exp.model.slopes import curvature_of, slope_of
from panna_exp.model.uniform import UniformGradient, UniformPass
from panna_exp.networks.layers import Activation


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer's part in dE/dG leaves for the gradient of a force loss.

    Args:
        slope: act'(z) [n_t, n_out]; None where it is 1.
        upper: dE/dy.
        scaled: s = dE/dz.
    """

    slope: Tensor | None
    upper: Tensor
    scaled: Tensor


@dataclass(frozen=True, slots=True)
class InputGradient:
    """dE/dG, and what the gradient of a force loss needs of it.

    Args:
        values: [A, D] v, each atomic energy's gradient by its descriptors.
        layers: For each species with atoms: one a layer.
    """

    values: Tensor
    layers: list[list[Layer]]


AnyGradient = InputGradient | UniformGradient | LoopGradient


@torch.no_grad()
def input_gradient(
    networks: SpeciesNetworks, passed: AnyPass, species_counts: Sequence[int]
) -> AnyGradient:
    """Returns the gradient of each atomic energy by its own descriptors."""
    if isinstance(passed, LoopPass):
        assert networks.loops is not None
        return networks.loops.input_gradient(passed)
    if isinstance(passed, UniformPass):
        return uniform.input_gradient(networks, passed)
    values: list[Tensor] = []
    found: list[list[Layer]] = []
    for network, outputs, inner, count in zip(
        networks.networks, passed.values, passed.inner, species_counts, strict=True
    ):
        if not count:
            found.append([])
            continue
        gradient = torch.ones_like(outputs[-1])
        layers = []
        for number in reversed(range(len(network.activations))):
            slope = slope_of(network.activations[number], inner[number], outputs[number + 1])
            scaled = gradient if slope is None else slope * gradient
            layers.append(Layer(slope, gradient, scaled))
            gradient = _to_input(network, number, outputs, scaled)
        values.append(gradient)
        found.append(layers[::-1])
    return InputGradient(torch.cat(values), found)


@torch.no_grad()
def backward_with_direction(
    networks: SpeciesNetworks,
    passed: AnyPass,
    slopes: AnyGradient,
    gradient: Tensor,
    direction: Tensor,
    species_counts: Sequence[int],
) -> None:
    """Sets ``.grad`` of the trainable parameters to those of sum gradient E + direction . v.

    Args:
        networks: Their ``.grad`` must be zero already: species without atoms are left alone.
        passed: The forward pass.
        slopes: Of that pass.
        gradient: [A] a.
        direction: [A, D] t.
        species_counts: T block sizes.
    """
    if isinstance(passed, LoopPass):
        assert networks.loops is not None
        networks.loops.backward(passed, gradient, direction)
        return
    if isinstance(passed, UniformPass):
        assert isinstance(slopes, UniformGradient)
        uniform.backward_with_direction(networks, passed, slopes, gradient, direction)
        return
    assert isinstance(slopes, InputGradient)
    counts = list(species_counts)
    for network, values, inner, layers, energy, along in zip(
        networks.networks,
        passed.values,
        passed.inner,
        slopes.layers,
        torch.split(gradient.unsqueeze(1), counts),
        torch.split(direction, counts),
        strict=True,
    ):
        if values and True in network.trainable:
            _network_backward(_Pass(network, values, inner, layers), energy, along)


@dataclass(frozen=True, slots=True)
class _Pass:
    """One species' network with its values and inner arguments, and the way back to its input."""

    network: AtomicNetwork
    values: list[Tensor]
    inner: list[Tensor]
    layers: list[Layer]


def _network_backward(done: _Pass, gradient: Tensor, along: Tensor) -> None:
    network = done.network
    changes, inner_changes = [along], []
    for number, layer in enumerate(done.layers):
        inner_changes.append(_inner_change(network, number, done.values[number], changes[-1]))
        last = inner_changes[-1]
        changes.append(last if layer.slope is None else layer.slope * last)
    lowest = network.trainable.index(True)
    for number in reversed(range(lowest, len(network.trainable))):
        layer, x, change = done.layers[number], done.values[number], changes[number]
        by_inner = gradient if layer.slope is None else layer.slope * gradient
        curvature = curvature_of(
            network.activations[number], done.inner[number], done.values[number + 1], layer.slope
        )
        if curvature is not None:
            by_inner.addcmul_(curvature.mul_(inner_changes[number]), layer.upper)
        if network.trainable[number]:
            _put_gradients(network, number, (x, by_inner), (change, layer.scaled))
        if number > lowest:
            gradient = _to_input(network, number, done.values, by_inner)
            if network.activations[number] is Activation.rbf:
                gradient.addcmul_(change, layer.scaled.sum(1, keepdim=True), value=-2)


def _put_gradients(
    network: AtomicNetwork,
    number: int,
    plain: tuple[Tensor, Tensor],
    changed: tuple[Tensor, Tensor],
) -> None:
    """Sets dW and db from (x, bar z) and (x', s)."""
    weights, biases = network.weights[number], network.biases[number]
    assert weights.grad is not None
    network.products.mm(plain[0].t(), plain[1], out=weights.grad)
    network.products.addmm(weights.grad, changed[0].t(), changed[1], out=weights.grad)
    if network.activations[number] is Activation.rbf:
        weights.grad.sub_(weights * plain[1].sum(0)).mul_(2)
    else:
        torch.sum(plain[1], 0, out=biases.grad)


def _to_input(network: AtomicNetwork, number: int, values: list[Tensor], scaled: Tensor) -> Tensor:
    """Returns the gradient by a layer's input from that by its z (rbf: by its exponent)."""
    gradient = network.products.mm(scaled, network.weights[number].t())
    if network.activations[number] is Activation.rbf:
        gradient.addcmul_(values[number], scaled.sum(1, keepdim=True), value=-1).mul_(2)
    return gradient


def _inner_change(network: AtomicNetwork, number: int, x: Tensor, change: Tensor) -> Tensor:
    """Returns z', of rbf the change of the exponent 2 x W - |x|^2 - |W|^2."""
    moved = network.products.mm(change, network.weights[number])
    if network.activations[number] is Activation.rbf:
        moved.sub_((x * change).sum(1, keepdim=True)).mul_(2)
    return moved
