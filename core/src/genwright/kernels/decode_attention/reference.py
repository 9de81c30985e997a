"""What attention of one query a row means, in plain PyTorch."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int32
from torch import Tensor

from genwright.kernels.attention import reference

__all__ = ["decode_attention"]


def decode_attention(
    q: Float[Tensor, "B N H"],
    k: Float[Tensor, "B K S H"],
    v: Float[Tensor, "B K S H"],
    *,
    lengths: Int32[Tensor, " B"] | None = None,
    scale: float | None = None,
) -> Float[Tensor, "B N H"]:
    """Return what the query of each row gathers from the values of its first keys.

    k, v:    a cache of S places; N / K query heads, next to each other, share one of its heads
    lengths: how many places each row has filled, at most S; None for all. The others hold any finite numbers
    scale:   of products of queries and keys; H ** -0.5 if None

    NaN and infinities are as in `attention`. A row that has filled none gathers zeros.

    Raises ShapeError if heads or axes do not fit, OptionError if the scale is not above 0.
    """
    reference.check(q[:, :, None], k, v, bias=None, starts=None, window=None, scale=scale)
    bias = None
    if lengths is not None:
        filled = torch.arange(k.shape[2], device=k.device) < lengths[:, None]
        bias = torch.zeros(filled.shape, device=k.device).masked_fill(~filled, -math.inf)[:, None, None]
        # Minus infinity does not hide NaN, to which it is added.
        k = k.masked_fill(~filled[:, None, :, None], 0.0)
    return reference.attention(q[:, :, None], k, v, bias=bias, scale=scale)[:, :, 0]
