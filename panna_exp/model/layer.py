"""One layer of a network of tensors: its argument z, and what the derivatives of z contribute.

y = act(z) with z = x W + b, of rbf layers z = 2 x W - |x|^2 - |W|^2, whose bias is stored but takes
no part. Shapes: x [n, n_in], W [n_in, n_out], b [n_out], z [n, n_out].
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from panna_exp.model.activations import FUNCTIONS, Function
from panna_exp.model.products import EXACT, Products
from panna_exp.networks.layers import Activation

_RBF = Activation.rbf  # looked up once: these functions are called many times per step


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """The parameters of one layer of one species.

    Args:
        weights: [n_in, n_out] W.
        biases: [n_out] b.
        activation: By name.
        trainable: Whether the parameters are trained.
    """

    weights: nn.Parameter
    biases: nn.Parameter
    activation: Activation
    trainable: bool

    @property
    def function(self) -> Function:
        """The activation and its derivatives."""
        return FUNCTIONS[self.activation]

    def argument(self, x: Tensor, products: Products = EXACT, out: Tensor | None = None) -> Tensor:
        """Returns z of the input x; differentiable where no ``out`` is given to write it to."""
        if self.activation is not _RBF:
            return products.addmm(self.biases, x, self.weights, out=out)
        # The square expanded, so that no [n, n_in, n_out] array is made.
        squares = (x * x).sum(1, keepdim=True) + (self.weights * self.weights).sum(0)
        return products.mm(x, self.weights, out=out).mul_(2).sub_(squares)

    def argument_change(self, x: Tensor, change: Tensor, products: Products, out: Tensor) -> None:
        """Fills ``out`` with the change of z where the input changes along ``change``."""
        products.mm(change, self.weights, out=out)
        if self.activation is _RBF:
            out.sub_((x * change).sum(1, keepdim=True)).mul_(2)

    def input_gradient(self, x: Tensor, by_z: Tensor, products: Products, out: Tensor) -> None:
        """Fills ``out`` with the gradient by x of what has the gradient ``by_z`` by z."""
        products.mm(by_z, self.weights.t(), out=out)
        if self.activation is _RBF:
            out.addcmul_(x, by_z.sum(1, keepdim=True), value=-1).mul_(2)

    def parameter_gradient(
        self,
        x: Tensor,
        by_z: Tensor,
        products: Products,
        along: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """Sets ``.grad`` of the parameters.

        Args:
            x: Input.
            by_z: Gradient by z.
            products: How matrices are multiplied.
            along: A change x' of the input, and the gradient by the change of z that it makes.
        """
        gradient = self.weights.grad
        assert gradient is not None
        products.mm(x.t(), by_z, out=gradient)
        if along is not None:
            products.addmm(gradient, along[0].t(), along[1], out=gradient)
        assert self.biases.grad is not None
        if self.activation is _RBF:
            gradient.sub_(self.weights * by_z.sum(0)).mul_(2)
            self.biases.grad.zero_()
        else:
            torch.sum(by_z, 0, out=self.biases.grad)

    def zero_gradient(self) -> None:
        """Sets ``.grad`` of the parameters to zero."""
        for parameter in (self.weights, self.biases):
            assert parameter.grad is not None
            parameter.grad.zero_()
