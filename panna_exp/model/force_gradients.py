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

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from panna_exp.model.gradients import ForwardPass
from panna_exp.model.networks import AtomicNetwork, SpeciesNetworks
from panna_exp.networks.layers import Activation


@dataclass(frozen=True, slots=True)
class InputGradient:
    """dE/dG, and what the gradient of a force loss needs of it.

    Args:
        values: [A, D] v, each atomic energy's gradient by its descriptors.
        upper: For each species with atoms: dE/dy of every layer [n_t, n_out].
    """

    values: Tensor
    upper: list[list[Tensor]]


@torch.no_grad()
def input_gradient(
    networks: SpeciesNetworks, passed: ForwardPass, species_counts: Sequence[int]
) -> InputGradient:
    """Returns the gradient of each atomic energy by its own descriptors."""
    values: list[Tensor] = []
    upper: list[list[Tensor]] = []
    for network, outputs, inner, count in zip(
        networks.networks, passed.values, passed.inner, species_counts, strict=True
    ):
        if not count:
            upper.append([])
            continue
        gradients = [torch.ones_like(outputs[-1])]
        for number in reversed(range(len(network.activations))):
            slope, _ = _slopes(network, number, inner, outputs)
            gradients.append(_to_input(network, number, outputs, slope * gradients[-1]))
        values.append(gradients.pop())
        upper.append(gradients[::-1])
    return InputGradient(torch.cat(values), upper)


@torch.no_grad()
def backward_with_direction(
    networks: SpeciesNetworks,
    passed: ForwardPass,
    slopes: InputGradient,
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
    counts = list(species_counts)
    for network, values, inner, upper, energy, along in zip(
        networks.networks,
        passed.values,
        passed.inner,
        slopes.upper,
        torch.split(gradient.unsqueeze(1), counts),
        torch.split(direction, counts),
        strict=True,
    ):
        if values and True in network.trainable:
            _network_backward(_Layers(network, values, inner, upper), energy, along)


@dataclass(frozen=True, slots=True)
class _Layers:
    """One species' network with its values, inner arguments and dE/dy by layer."""

    network: AtomicNetwork
    values: list[Tensor]
    inner: list[Tensor]
    upper: list[Tensor]


def _network_backward(layers: _Layers, gradient: Tensor, along: Tensor) -> None:
    network = layers.network
    changes, inner_changes, derivatives = [along], [], []
    for number in range(len(network.activations)):
        change = _inner_change(network, number, layers.values[number], changes[-1])
        slope, curvature = _slopes(network, number, layers.inner, layers.values)
        inner_changes.append(change)
        derivatives.append((slope, curvature))
        changes.append(slope * change)
    lowest = network.trainable.index(True)
    for number in reversed(range(lowest, len(network.trainable))):
        slope, curvature = derivatives[number]
        by_change = slope * layers.upper[number]  # s
        by_inner = slope * gradient
        if curvature is not None:
            by_inner.addcmul_(curvature * inner_changes[number], layers.upper[number])
        x, change = layers.values[number], changes[number]
        if network.trainable[number]:
            _put_gradients(network, number, (x, by_inner), (change, by_change))
        if number > lowest:
            gradient = _to_input(network, number, layers.values, by_inner)
            if network.activations[number] is Activation.rbf:
                gradient.addcmul_(change, by_change.sum(1, keepdim=True), value=-2)


def _put_gradients(
    network: AtomicNetwork,
    number: int,
    plain: tuple[Tensor, Tensor],
    changed: tuple[Tensor, Tensor],
) -> None:
    """Sets dW and db from (x, bar z) and (x', s)."""
    weights, biases = network.weights[number], network.biases[number]
    torch.mm(plain[0].t(), plain[1], out=weights.grad)
    weights.grad.addmm_(changed[0].t(), changed[1])
    if network.activations[number] is Activation.rbf:
        weights.grad.sub_(weights * plain[1].sum(0)).mul_(2)
    else:
        torch.sum(plain[1], 0, out=biases.grad)


def _to_input(network: AtomicNetwork, number: int, values: list[Tensor], scaled: Tensor) -> Tensor:
    """Returns the gradient by a layer's input from that by its z (rbf: by its exponent)."""
    gradient: Tensor = scaled @ network.weights[number].t()
    if network.activations[number] is Activation.rbf:
        gradient.addcmul_(values[number], scaled.sum(1, keepdim=True), value=-1).mul_(2)
    return gradient


def _inner_change(network: AtomicNetwork, number: int, x: Tensor, change: Tensor) -> Tensor:
    """Returns z', of rbf the change of the exponent 2 x W - |x|^2 - |W|^2."""
    moved: Tensor = change @ network.weights[number]
    if network.activations[number] is Activation.rbf:
        moved.sub_((x * change).sum(1, keepdim=True)).mul_(2)
    return moved


def _slopes(
    network: AtomicNetwork, number: int, inner: list[Tensor], values: list[Tensor]
) -> tuple[Tensor, Tensor | None]:
    """Returns act'(z) and act''(z), None where it is zero."""
    return _DERIVATIVES[network.activations[number]](inner[number], values[number + 1])


def _gaussian(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    slope = (z * y).mul_(-2)
    return slope, torch.addcmul(y, slope, z).mul_(-2)


def _tanh(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    slope = 1 - y * y
    return slope, (slope * y).mul_(-2)


_DERIVATIVES: dict[Activation, Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]] = {
    Activation.linear: lambda z, y: (torch.ones_like(y), None),
    Activation.gaussian: _gaussian,
    Activation.relu: lambda z, y: ((y > 0).to(y.dtype), None),
    Activation.tanh: _tanh,
    Activation.rbf: lambda z, y: (y, y),
}
