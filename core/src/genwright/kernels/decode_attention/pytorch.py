"""Attention of one query a row by operators of PyTorch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genwright.kernels.attention.reference import check

__all__ = ["products"]


def products(q: Tensor, k: Tensor, v: Tensor, *, lengths: Tensor | None = None, scale: float | None = None) -> Tensor:
    """Return values by the softmax of scores, both products over the whole cache in one shape.

    PyTorch's own attention of a single query gives bits that depend on a row's place in the batch; those of products
    over multiples of 16 places do not.
    """
    check(q[:, :, None], k, v, bias=None, starts=None, window=None, scale=scale)
    rows, heads, width = q.shape
    kept, size = k.shape[1:3]
    lines, group = rows * kept, heads // max(kept, 1)
    hidden = q.new_zeros(rows, size)
    if lengths is not None:
        hidden = hidden.masked_fill(torch.arange(size, device=q.device) >= lengths[:, None], -math.inf)
    hidden = hidden[:, None, None].expand(rows, kept, group, size).reshape(lines, group, size)
    scale = width**-0.5 if scale is None else scale
    scores = torch.baddbmm(hidden, q.reshape(lines, group, width), k.reshape(lines, size, width).mT, alpha=scale)
    found = (scores.softmax(-1) @ v.reshape(lines, size, width)).view(rows, heads, width)
    return found if lengths is None else found.masked_fill((lengths == 0)[:, None, None], 0.0)
