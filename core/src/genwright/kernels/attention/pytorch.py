"""Attention by operators of PyTorch that are faster than the reference, of some calls."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from genwright.kernels.attention.reference import check, seen

__all__ = ["cudnn", "efficient", "flash", "products", "sdpa"]


def sdpa(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    bias: Tensor | None = None,
    starts: None = None,
    longest: int | None = None,
    causal: bool = False,
    window: None = None,
    scale: float | None = None,
) -> Tensor:
    """Return what PyTorch's own scaled dot product attention gives, which has no windows and packs nothing.

    q, k, v, bias: as in the reference; with both a bias and `causal`, keys after a query are given -infinity
    """
    check(q, k, v, bias=bias, starts=starts, window=window, scale=scale)
    if bias is not None and causal:
        mask = seen(q.shape[2], k.shape[2], starts=None, causal=True, window=None, device=q.device)
        bias, causal = torch.where(mask, bias, -math.inf), False
    grouped = q.shape[1] != k.shape[1]
    return F.scaled_dot_product_attention(q, k, v, bias, is_causal=causal, scale=scale, enable_gqa=grouped)


def flash(q: Tensor, k: Tensor, v: Tensor, **others: Any) -> Tensor:
    """Return what FlashAttention gives, as `sdpa` does."""
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        return sdpa(q, k, v, **others)


def cudnn(q: Tensor, k: Tensor, v: Tensor, **others: Any) -> Tensor:
    """Return what cuDNN gives, as `sdpa` does."""
    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
        return sdpa(q, k, v, **others)


def efficient(q: Tensor, k: Tensor, v: Tensor, **others: Any) -> Tensor:
    """Return what memory-efficient attention gives, as `sdpa` does; it takes a bias."""
    with sdpa_kernel(SDPBackend.EFFICIENT_ATTENTION):
        return sdpa(q, k, v, **others)


def products(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    bias: Tensor | None = None,
    starts: None = None,
    longest: int | None = None,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
) -> Tensor:
    """Return values by the softmax of scores that are rounded to the dtype of the queries, and all kept at once.

    In bfloat16 on a processor that multiplies it, this is faster than what goes by the keys in turn, up to some
    hundreds of them.
    """
    check(q, k, v, bias=bias, starts=starts, window=window, scale=scale)
    heads, kept, queries, keys = q.shape[1], k.shape[1], q.shape[2], k.shape[2]
    q = q * (q.shape[-1] ** -0.5 if scale is None else scale)
    # Heads that share keys multiply them together.
    shared = q.reshape(len(q), kept, -1, q.shape[-1])
    scores = (shared @ k.mT).view(len(q), heads, queries, keys)
    if bias is not None:
        scores = scores + bias
    masked = causal or window is not None
    if masked:
        mask = seen(queries, keys, starts=None, causal=causal, window=window, device=q.device)
        scores = scores.masked_fill(~mask, -math.inf)
    # Only where the first queries stand before the first key, or a bias hides all keys, may a query see none.
    weights = _weights(scores) if bias is not None or (masked and queries > keys) else scores.softmax(-1)
    return (weights.view(len(q), kept, -1, keys) @ v).view(q.shape)


def _weights(scores: Tensor) -> Tensor:
    """Return the softmax of scores, and zeros of those that are all -infinity."""
    blind = (scores == -math.inf).all(-1, keepdim=True)
    return scores.masked_fill(blind, 0.0).softmax(-1).masked_fill(blind, 0.0)
