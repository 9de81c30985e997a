"""Norms, rotations and the cache in Triton: a program for each head of each row."""

# Shapes are said in docstrings: a signature that is checked at run time cannot be compiled by Triton.
from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from genwright.kernels.adaptive_norm.reference import EPSILON

__all__ = ["rotary_cache", "rotary_cache_kernel"]


def rotary_cache(inward: Tensor, cosine: Tensor, sine: Tensor, at: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return the queries, having written keys and values, as the reference says.

    inward: [B, N + 2K, H]; cosine, sine: [T, H]; at: [B]; keys, values: [B, K, S, P] in one piece. Norms and rotations
    are in float32, rounded once. Nothing is written for a place that the cache does not have, and its queries are NaN.
    """
    (rows, kept, size, wide), (every, head) = keys.shape, inward.shape[1:]
    queries = torch.empty(rows, every - 2 * kept, wide, dtype=keys.dtype, device=keys.device)
    if inward.numel():
        rotary_cache_kernel[(rows * every,)](
            *(queries, keys, values, inward, cosine, sine, at, *inward.stride()[:2]),
            *(every, kept, size, min(size, len(cosine)), head, wide),
            EPSILON=EPSILON,
            BLOCK=triton.next_power_of_2(wide),
            num_warps=1,
            enable_fp_fusion=False,
        )
    return queries


@triton.jit
def rotary_cache_kernel(
    queries,
    keys,
    values,
    inward,
    cosine,
    sine,
    at,
    row_stride,
    head_stride,
    every,
    kept,
    size,
    known,
    head,
    wide,
    EPSILON: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write one head of one row: to the queries, or to the cache at the row's place."""
    row = (tl.program_id(0) // every).to(tl.int64)
    member = tl.program_id(0) % every
    feature = tl.arange(0, BLOCK)
    inside = feature < head
    place = tl.load(at + row)
    there = (place >= 0) & (place < known)
    source = inward + row * row_stride + member * head_stride
    x = tl.load(source + feature, mask=inside, other=0.0)
    if member < every - kept:
        number = x.to(tl.float32)
        # Triton takes a width of 1 for a constant, which has no dtype to convert from.
        square = tl.sum(number * number, 0)
        factor = tl.sqrt_rn(tl.div_rn(square, tl.zeros_like(square) + head) + EPSILON)
        half = head // 2
        other = tl.load(source + tl.where(feature < half, feature + half, feature - half), mask=inside, other=0.0)
        by = tl.load(cosine + place * head + feature, mask=inside & there, other=float("nan")).to(tl.float32)
        across = tl.load(sine + place * head + feature, mask=inside & there, other=float("nan")).to(tl.float32)
        turned = tl.div_rn(number, factor) * by + tl.div_rn(other.to(tl.float32), factor) * across
        turned = tl.where(inside, turned, 0.0).to(queries.dtype.element_ty)
        if member < every - 2 * kept:
            to = queries + (row * (every - 2 * kept) + member) * wide + feature
            tl.store(to, turned, mask=feature < wide)
        else:
            line = (row * kept + member - (every - 2 * kept)) * size + place
            tl.store(keys + line * wide + feature, turned, mask=inside & there)
    else:
        line = (row * kept + member - (every - kept)) * size + place
        tl.store(values + line * wide + feature, x.to(values.dtype.element_ty), mask=inside & there)
