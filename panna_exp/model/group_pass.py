"""A pass through the networks of species with equal layers: what layers keep, and the way back.

Values of all atoms of a group lie in one array for each layer: each species has matrix products
of its own, written into its rows, and everything else is done once for all atoms. For small batches
that is a third of the calls. A single species is a group as well.

Forward, with y = act(z) for z of a layer's input x: see :mod:`panna_exp.model.layer`. For
g = dL/dy the way back is s = g act'(z), then dL/dW = x^T s, dL/db = sum s, dL/dx = s W^T.

Forces are F = -J^T v with v = dE/dG, the networks' gradient by their input, and J the descriptors'
Jacobian. A loss L(E, F) has, with a = dL/dE of each atom and t = -J dL/dF, the gradient of

    sum_i a_i E_i + t_i . v_i

in which t_i . v_i is the derivative of E_i along t_i. With x' the change of a layer's input along
t: z' = x' W, y' = act'(z) z'. From the last layer to the first, with bars for derivatives of the
sum above: s = dE/dz (which v needed already) is the bar of z', and

    bar z = act'(z) bar y + act''(z) z' dE/dy,   dW = x^T bar z + x'^T s,   db = sum bar z.

Shapes: n atoms of the group, D descriptor components. Autograd is off when these are called.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from panna_exp.model.activations import Function
from panna_exp.model.layer import Layer
from panna_exp.model.products import Products
from panna_exp.networks.layers import Activation

Blocks = Sequence[Tensor]


@dataclass(slots=True)
class GroupPass:
    """Values of all layers of one group.

    Args:
        layers: For each layer: that of every species of the group that has atoms.
        functions: For each layer: its activation.
        counts: Atoms of each of these species.
        products: How matrices are multiplied.
        inputs: For each layer: its input, by species.
        arguments: For each layer: z [n, width].
        outputs: For each layer: y.
        derivatives: For each layer: act'(z), None where it is 1; this and the rest, which a loss of
            forces needs, by :meth:`input_gradient`.
        by_output: For each layer: dE/dy.
        by_argument: For each layer: dE/dz, by species.
    """

    layers: Sequence[Sequence[Layer]]
    functions: Sequence[Function]
    counts: list[int]
    products: Products
    inputs: list[Blocks] = field(default_factory=list)
    arguments: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    derivatives: list[Tensor | None] = field(default_factory=list)
    by_output: list[Tensor] = field(default_factory=list)
    by_argument: list[Blocks] = field(default_factory=list)

    def split(self, values: Tensor) -> tuple[Tensor, ...]:
        """Returns each species' rows; one call, which is cheaper than a slice for each."""
        return torch.split_with_sizes(values, self.counts)

    def forward(self, blocks: Blocks) -> None:
        """Fills inputs, arguments and outputs.

        Args:
            blocks: Descriptors of each species.
        """
        self.inputs.append(blocks)
        last = len(self.layers) - 1
        for index, (layers, function) in enumerate(zip(self.layers, self.functions, strict=True)):
            z = self._empty(blocks, layers[0].weights.shape[1])
            for layer, x, out in zip(layers, self.inputs[index], self.split(z), strict=True):
                layer.argument(x, self.products, out)
            self.arguments.append(z)
            self.outputs.append(function.value(z))
            if index < last:
                self.inputs.append(self.split(self.outputs[index]))

    def input_gradient(self, out: Blocks) -> None:
        """Fills ``out`` with dE/dG, by species, and keeps what a loss of forces needs of it."""
        self.derivatives, self.by_output, self.by_argument = [], [], []
        by_output = torch.ones_like(self.outputs[-1])
        for index in reversed(range(len(self.layers))):
            derivative, by_argument = self._through(index, by_output)
            blocks = self.split(by_argument)
            self.derivatives.append(derivative)
            self.by_output.append(by_output)
            self.by_argument.append(blocks)
            by_output = self._to_input(index, blocks, out if index == 0 else None)
        for kept in (self.derivatives, self.by_output, self.by_argument):
            kept.reverse()

    def backward(self, gradient: Tensor, lowest: int) -> None:
        """Sets the gradients of the trainable parameters.

        Args:
            gradient: [n, 1] a.
            lowest: The lowest trainable layer of all species of the group.
        """
        for index in reversed(range(lowest, len(self.layers))):
            blocks = self.split(self._through(index, gradient)[1])
            for layer, x, by_z in zip(self.layers[index], self.inputs[index], blocks, strict=True):
                if layer.trainable:
                    layer.parameter_gradient(x, by_z, self.products)
            if index > lowest:
                gradient = self._to_input(index, blocks)

    def backward_along(self, gradient: Tensor, directions: Blocks, lowest: int) -> None:
        """Sets the gradients with the part of a loss of forces; after :meth:`input_gradient`.

        Args:
            gradient: [n, 1] a.
            directions: t of each species.
            lowest: As of :meth:`backward`.
        """
        changes, argument_changes = self._changes(directions)
        for index in reversed(range(lowest, len(self.layers))):
            derivative, function = self.derivatives[index], self.functions[index]
            by_z = gradient if derivative is None else derivative * gradient
            if derivative is not None and function.second_derivative is not None:
                second = function.second_derivative(
                    self.arguments[index], self.outputs[index], derivative
                )
                by_z.addcmul_(second.mul_(argument_changes[index]), self.by_output[index])
            blocks = self.split(by_z)
            along = list(zip(changes[index], self.by_argument[index], strict=True))
            for place, layer in enumerate(self.layers[index]):
                if layer.trainable:
                    layer.parameter_gradient(
                        self.inputs[index][place], blocks[place], self.products, along[place]
                    )
            if index > lowest:
                gradient = self._to_input(index, blocks)
                if self.layers[index][0].activation is Activation.rbf:
                    for rows, (change, by_change) in zip(self.split(gradient), along, strict=True):
                        rows.addcmul_(change, by_change.sum(1, keepdim=True), value=-2)

    def _through(self, index: int, by_output: Tensor) -> tuple[Tensor | None, Tensor]:
        """Returns a layer's act'(z), and the gradient by z from that by y."""
        function = self.functions[index]
        if function.derivative is None:
            return None, by_output
        derivative = function.derivative(self.arguments[index], self.outputs[index])
        return derivative, derivative * by_output

    def _to_input(self, index: int, by_argument: Blocks, out: Blocks | None = None) -> Tensor:
        """Returns the gradient by a layer's input from that by its z; empty with an ``out``."""
        layers = self.layers[index]
        whole = by_argument[0].new_empty(0)
        if out is None:
            whole = self._empty(by_argument, layers[0].weights.shape[0])
            out = self.split(whole)
        for layer, x, by_z, rows in zip(layers, self.inputs[index], by_argument, out, strict=True):
            layer.input_gradient(x, by_z, self.products, rows)
        return whole

    def _changes(self, directions: Blocks) -> tuple[list[Blocks], list[Tensor]]:
        """Returns x' by layer and species, and z' by layer."""
        changes, argument_changes = [directions], []
        for index, layers in enumerate(self.layers):
            change = torch.empty_like(self.arguments[index])
            for layer, x, along, out in zip(
                layers, self.inputs[index], changes[index], self.split(change), strict=True
            ):
                layer.argument_change(x, along, self.products, out)
            argument_changes.append(change)
            derivative = self.derivatives[index]
            changes.append(self.split(change if derivative is None else derivative * change))
        return changes, argument_changes

    def _empty(self, like: Blocks, width: int) -> Tensor:
        return like[0].new_empty(sum(self.counts), width)
