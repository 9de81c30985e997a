"""Attention of one query a row in Triton: the keys are cut into parts of a fixed size, gathered from side by side.

Since the size of a part is fixed, and not their number, the bits of a row depend neither on the other rows nor on how
long the cache is. Source: Dao et al. (2023), "Flash-Decoding for long-context inference".
"""

# Shapes are said in docstrings: a signature that is checked at run time cannot be compiled by Triton.
from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from genwright.kernels.attention.reference import check

__all__ = ["PART", "decode_attention", "options"]

PART = 256
"""The keys of a part."""

_SIZES = ["N", "S", "parts"]


@triton.jit(do_not_specialize=_SIZES)
def _gather(
    q, k, v, lengths, totals, tops, masses,
    q_b, q_n, k_b, k_n, k_s, v_b, v_n, v_s, N, S, parts, scale,
    GROUP: tl.constexpr, HEADS: tl.constexpr, H: tl.constexpr, WIDTH: tl.constexpr, COLUMNS: tl.constexpr,
    SIZE: tl.constexpr, RAGGED: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Write what the query heads of one key head gather from one part, unscaled; parts without keys are left out."""
    part = tl.program_id(0) % parts
    line = tl.program_id(0) // parts
    kept = (line % (N // GROUP)).to(tl.int64)
    b = (line // (N // GROUP)).to(tl.int64)
    length = tl.minimum(tl.load(lengths + b), S) if RAGGED else S
    begin = part * SIZE
    if begin < length:
        member = tl.arange(0, HEADS)
        feature = tl.arange(0, WIDTH)
        heads = kept * GROUP + member
        there = (member < GROUP)[:, None] & (feature < H)[None, :]
        q_tile = tl.load(q + b * q_b + heads[:, None] * q_n + feature[None, :], mask=there, other=0.0)
        total = tl.zeros([HEADS, WIDTH], tl.float32)
        top = tl.full([HEADS], -float("inf"), tl.float32)
        mass = tl.zeros([HEADS], tl.float32)
        for start in tl.range(begin, tl.minimum(begin + SIZE, length), COLUMNS):
            column = start + tl.arange(0, COLUMNS)
            inside = (column < length)[:, None] & (feature < H)[None, :]
            place = column.to(tl.int64)[:, None]
            k_tile = tl.load(k + b * k_b + kept * k_n + place * k_s + feature[None, :], mask=inside, other=0.0)
            scores = tl.dot(q_tile, k_tile.T, input_precision=PRECISION)
            scores = tl.where((column < length)[None, :], scores, -float("inf"))
            new_top = tl.maximum(top, tl.max(scores, 1) * scale)
            # Where nothing was seen yet, -infinity less -infinity would be NaN.
            anchor = tl.where(new_top == -float("inf"), 0.0, new_top)
            weights = tl.math.exp2(scores * scale - anchor[:, None])
            decay = tl.math.exp2(top - anchor)
            mass = mass * decay + tl.sum(weights, 1)
            v_tile = tl.load(v + b * v_b + kept * v_n + place * v_s + feature[None, :], mask=inside, other=0.0)
            total = total * decay[:, None]
            total = tl.dot(weights.to(v_tile.dtype), v_tile, total, input_precision=PRECISION)
            top = new_top
        spots = (b * N + heads) * parts + part
        tl.store(totals + spots[:, None] * H + feature[None, :], total, mask=there)
        tl.store(tops + spots, top, mask=member < GROUP)
        tl.store(masses + spots, mass, mask=member < GROUP)


@triton.jit(do_not_specialize=_SIZES)
def _join(
    lengths, totals, tops, masses, out, N, S, parts,
    H: tl.constexpr, WIDTH: tl.constexpr, SIZE: tl.constexpr, RAGGED: tl.constexpr,
):  # fmt: skip
    """Write what a query head gathers from all parts, taken in their order."""
    line = tl.program_id(0).to(tl.int64)
    length = tl.minimum(tl.load(lengths + line // N), S) if RAGGED else S
    feature = tl.arange(0, WIDTH)
    total = tl.zeros([WIDTH], tl.float32)
    top = tl.full([1], -float("inf"), tl.float32)
    mass = tl.zeros([1], tl.float32)
    for part in tl.range(0, tl.cdiv(length, SIZE)):
        spot = line * parts + part + tl.arange(0, 1)
        part_top = tl.load(tops + spot)
        new_top = tl.maximum(top, part_top)
        anchor = tl.where(new_top == -float("inf"), 0.0, new_top)
        decay = tl.math.exp2(top - anchor)
        share = tl.math.exp2(part_top - anchor)
        mass = mass * decay + tl.load(masses + spot) * share
        part_total = tl.load(totals + (line * parts + part) * H + feature, mask=feature < H, other=0.0)
        total = total * decay + part_total * share
        top = new_top
    total = total / tl.where(mass == 0.0, 1.0, mass)
    tl.store(out + line * H + feature, total.to(out.dtype.element_ty), mask=feature < H)


def options(heads: int, kept: int, width: int, dtype: torch.dtype) -> dict[str, Any]:
    """Return what parts are compiled for, and how they are launched: so for every batch and every length."""
    return {
        "GROUP": heads // kept,
        # A product of tensor cores has 16 rows.
        "HEADS": max(16, triton.next_power_of_2(heads // kept)),
        "H": width,
        "WIDTH": triton.next_power_of_2(width),
        "COLUMNS": 64,
        "SIZE": PART,
        "PRECISION": "ieee" if dtype == torch.float32 else "tf32",
        "num_warps": 4,
        "num_stages": 2,
    }


def decode_attention(
    q: Tensor, k: Tensor, v: Tensor, *, lengths: Tensor | None = None, scale: float | None = None
) -> Tensor:
    """Return what `reference.decode_attention` does, q [B, N, H], k and v [B, K, S, H]; no gradient comes back.

    Sums are in float32; weights are rounded to the dtype of the inputs before they multiply.
    """
    check(q[:, :, None], k, v, bias=None, starts=None, window=None, scale=scale)
    (rows, heads, width), (kept, size) = q.shape, k.shape[1:3]
    if q.numel() == 0 or size == 0:
        return torch.zeros_like(q)
    q, k, v = (x if x.stride(-1) == 1 else x.contiguous() for x in (q, k, v))
    out = torch.empty(rows, heads, width, dtype=q.dtype, device=q.device)
    parts = triton.cdiv(size, PART)
    totals = torch.empty(rows, heads, parts, width, dtype=torch.float32, device=q.device)
    tops = torch.empty(rows, heads, parts, dtype=torch.float32, device=q.device)
    masses = torch.empty_like(tops)
    ends = q if lengths is None else lengths
    base_2 = (width**-0.5 if scale is None else scale) / math.log(2)
    fixed = options(heads, kept, width, q.dtype) | {"RAGGED": lengths is not None}
    with torch.cuda.device(q.device) if q.is_cuda else nullcontext():
        strides = *q.stride()[:2], *k.stride()[:3], *v.stride()[:3]
        _gather[(rows * kept * parts,)](
            q, k, v, ends, totals, tops, masses, *strides, heads, size, parts, base_2, **fixed
        )
        joined = {name: fixed[name] for name in ("H", "WIDTH", "SIZE", "RAGGED")}
        _join[(rows * heads,)](ends, totals, tops, masses, out, heads, size, parts, **joined, num_warps=1)
    return out
