"""Products with a weight that oneDNN laid out before: it need not do so at each call, as F.linear would have it."""

from __future__ import annotations

import torch
from torch import Tensor

from genwright.kernels.linear.packed import Packed
from genwright.kernels.linear.reference import check

__all__ = ["linear"]


def linear(x: Tensor, packed: Packed) -> Tensor:
    """Return the product of each row with a weight, as the reference says.

    x: [M, K], result: [M, N]

    Raises ShapeError if x is not rows of K numbers.
    """
    check(x, packed)
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed.blocked(len(x)), packed.bias, "none", [], "")
    return found
