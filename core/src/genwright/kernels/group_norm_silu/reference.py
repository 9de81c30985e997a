"""A group norm and SiLU by PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["group_norm_silu"]


def group_norm_silu(
    x: Float[Tensor, "B C *places"],
    groups: int,
    weight: Float[Tensor, " C"],
    bias: Float[Tensor, " C"],
    *,
    scale: Float[Tensor, "B C"] | None = None,
    shift: Float[Tensor, "B C"] | None = None,
    epsilon: float = 1e-5,
) -> Float[Tensor, "B C *places"]:
    """Return the SiLU of x normed over the channels of each group and all places.

    scale, shift: both or neither; by them the norm is multiplied, then moved, before SiLU
    epsilon:      what is added to the variance

    Source: Wu and He (2018), arXiv:1803.08494.
    """
    hidden = F.group_norm(x, groups, weight, bias, epsilon)
    if scale is not None and shift is not None:
        everywhere = (..., *[None] * (x.ndim - 2))
        hidden = torch.addcmul(shift[everywhere], hidden, scale[everywhere])
    return F.silu(hidden)
