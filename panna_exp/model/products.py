"""Matrix products of the networks in a training's steps, in full precision or with rounded factors.

Everything but the products stays in the networks' precision: activations, losses, gradients,
Adam. Factors of TF32 have 10 bits behind the point, those of bf16 have 7; sums are float32.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Products:
    """How matrices are multiplied; called like the functions of torch with these names.

    Args:
        mm: Of (a, b, out=None).
        addmm: Of (added, a, b, out=None).
    """

    mm: Callable[..., Tensor]
    addmm: Callable[..., Tensor]


def _in_tf32(product: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Returns a product that may use TF32, which only GPUs do, with what is set now put back."""

    def multiply(*arguments: Tensor, out: Tensor | None = None) -> Tensor:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        try:
            return product(*arguments, out=out)
        finally:
            torch.set_float32_matmul_precision(before)

    return multiply


def _bf16_mm(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    first, second = a.bfloat16(), b.bfloat16()
    if not a.is_cuda:
        # The same numbers up to the order of sums: a product of two bf16 is exact in float32.
        return torch.mm(first.float(), second.float(), out=out)
    product = torch.mm(first, second, out_dtype=torch.float32)
    return product if out is None else out.copy_(product)


def _bf16_addmm(added: Tensor, a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    return torch.add(added, _bf16_mm(a, b), out=out)


EXACT = Products(torch.mm, torch.addmm)
TF32 = Products(_in_tf32(torch.mm), _in_tf32(torch.addmm))
BF16 = Products(_bf16_mm, _bf16_addmm)
