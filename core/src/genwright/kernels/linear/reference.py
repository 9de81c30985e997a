"""What a product with a packed weight means, in plain PyTorch."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from genwright.errors import ShapeError
from genwright.kernels.linear.packed import Packed

__all__ = ["check", "linear"]


def linear(x: Float[Tensor, "M K"], packed: Packed) -> Float[Tensor, "M N"]:
    """Return the product of each row with each of N outputs' weights, and the bias added to it.

    x: of the dtype of the weight, in which the result is too; sums are in float32 or longer

    Raises ShapeError if x is not rows of K numbers.
    """
    check(x, packed)
    return F.linear(x, packed.weight, packed.bias)


def check(x: Tensor, packed: Packed) -> None:
    """Raise ShapeError unless x is rows of as many numbers as the weight takes."""
    if x.ndim != 2 or x.shape[1] != packed.weight.shape[1]:
        raise ShapeError(
            f"a product with a weight {list(packed.weight.shape)} needs rows [M, {packed.weight.shape[1]}]; got "
            f"{list(x.shape)}. Bring what goes before it to these."
        )
