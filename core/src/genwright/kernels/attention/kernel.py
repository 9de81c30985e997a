"""Attention in Triton: a forward pass with the softmax taken as the keys go by, and a backward pass without atomics.

Scores are kept in base 2. Tiles depend on the head's width, the dtype and the GPU only, and every query goes through
its keys in the same order, so a query's bits do not depend on what is beside it.

Sources: Dao (2023), arXiv:2307.08691; Shah et al. (2024), arXiv:2407.08608.
"""

# Shapes are said in docstrings: a signature that is checked at run time cannot be compiled by Triton.
from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from genwright.kernels.attention.reference import check, longest_of
from genwright.kernels.table import capability

__all__ = ["Tiles", "attention", "forward_tiles", "key_tiles", "query_tiles"]

LOG2E = tl.constexpr(1.4426950408889634)
# Compiled once for all of these, so that bits and compilations do not depend on them.
_SIZES = ["N", "T", "S", "tiles", "window"]
_MASKS = "CAUSAL", "WINDOWED", "BIASED", "PACKED"


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """How a kernel is cut and launched.

    rows, columns: queries and keys of a tile
    described:     whether tiles are fetched by the tensor memory accelerator of Hopper
    specialised:   whether one warp fetches and the others compute; Triton 3.6 does it with 4 warps and described tiles
                   only, and leaves it out silently otherwise
    """

    rows: int
    columns: int
    warps: int
    stages: int
    described: bool = False
    specialised: bool = False


def forward_tiles(width: int, dtype: torch.dtype, architecture: int, *, biased: bool) -> Tiles:
    """Return how the forward pass is cut for heads of a width on an architecture: 90 is Hopper."""
    if dtype == torch.float32:
        return Tiles(rows=64, columns=32, warps=4, stages=1)
    if architecture == 90 and biased:
        return Tiles(rows=128, columns=64, warps=8, stages=2, described=True)
    if architecture == 90:
        return Tiles(rows=128, columns=128, warps=4, stages=2, described=True, specialised=True)
    return Tiles(rows=64, columns=64, warps=4, stages=2)


def query_tiles(width: int, dtype: torch.dtype, architecture: int, *, biased: bool) -> Tiles:
    """Return how the backward pass of queries is cut."""
    if dtype == torch.float32:
        return Tiles(rows=32, columns=32, warps=4, stages=1)
    if architecture == 90:
        return Tiles(rows=128, columns=32 if biased else 64, warps=8, stages=2)
    return Tiles(rows=32, columns=64, warps=4, stages=1)


def key_tiles(width: int, dtype: torch.dtype, architecture: int) -> Tiles:
    """Return how the backward pass of keys and values is cut."""
    if dtype == torch.float32:
        return Tiles(rows=32, columns=32, warps=4, stages=1)
    if architecture == 90:
        # With 64 queries a tile, heads wider than 64 do not fit the registers.
        return Tiles(rows=64 if width <= 64 else 32, columns=128, warps=8, stages=2)
    return Tiles(rows=32, columns=64, warps=4, stages=1)


@triton.jit
def _tile(base, first, length, stride, ROWS: tl.constexpr, WIDTH: tl.constexpr, H: tl.constexpr):
    """Fetch rows of [length, H], zeros beyond."""
    row = first + tl.arange(0, ROWS)
    feature = tl.arange(0, WIDTH)
    inside = (row < length)[:, None] & (feature < H)[None, :]
    return tl.load(base + row.to(tl.int64)[:, None] * stride + feature[None, :], mask=inside, other=0.0)


@triton.jit
def _store(base, tile, first, length, stride, ROWS: tl.constexpr, WIDTH: tl.constexpr, H: tl.constexpr):
    row = first + tl.arange(0, ROWS)
    feature = tl.arange(0, WIDTH)
    inside = (row < length)[:, None] & (feature < H)[None, :]
    tl.store(base + row.to(tl.int64)[:, None] * stride + feature[None, :], tile.to(base.dtype.element_ty), mask=inside)


@triton.jit
def _sees(row, column, shift, rows, columns, window, CAUSAL: tl.constexpr, WINDOWED: tl.constexpr):
    """Say which of the columns a row sees; both are laid out to broadcast."""
    mask = (row < rows) & (column < columns)
    ahead = column - row - shift
    if CAUSAL:
        mask = mask & (ahead <= 0)
    if WINDOWED:
        mask = mask & (ahead < window) & (ahead > -window)
    return mask


@triton.jit
def _keys_seen(
    first, shift, columns, window,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, CAUSAL: tl.constexpr, WINDOWED: tl.constexpr,
):  # fmt: skip
    """Return where the keys begin and end that some query of a tile sees, the beginning at a tile of keys."""
    begin = 0
    end = columns
    if CAUSAL:
        end = tl.minimum(end, first + ROWS + shift)
    if WINDOWED:
        begin = tl.maximum(first + shift - window + 1, 0) // COLUMNS * COLUMNS
        end = tl.minimum(end, first + ROWS - 1 + shift + window)
    return begin, end


@triton.jit
def _place(starts, T, S, heads, tiles, LONG: tl.constexpr, PACKED: tl.constexpr, LAST_FIRST: tl.constexpr):
    """Return the row of the batch, head and first query or key of this program's tile; then its sequence: where it
    begins, its queries and its keys.
    """
    program = tl.program_id(0)
    tile = program % tiles
    if LAST_FIRST:
        # The last queries of a causal row see the most keys: they go first, so that no long tile is left to the end.
        tile = tiles - 1 - tile
    line = program // tiles
    head = line % heads
    sequence = line // heads
    offset = 0
    if PACKED:
        offset = tl.load(starts + sequence)
        T = tl.load(starts + sequence + 1) - offset
        S = T
        # Nothing is fetched for an empty sequence, but its tile must not stand behind the last row.
        offset = tl.where(T > 0, offset, 0)
        sequence = 0
    return sequence.to(tl.int64), head, tile * LONG, tl.cast(offset, tl.int64), T, S


@triton.jit(do_not_specialize=_SIZES)
def _forward(
    q,
    k,
    v,
    bias,
    starts,
    out,
    logs,
    q_b,
    q_n,
    q_t,
    k_b,
    k_n,
    k_s,
    v_b,
    v_n,
    v_s,
    bias_b,
    bias_n,
    bias_t,
    bias_s,
    N,
    T,
    S,
    tiles,
    window,
    scale,
    GROUP: tl.constexpr,
    H: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    CAUSAL: tl.constexpr,
    WINDOWED: tl.constexpr,
    BIASED: tl.constexpr,
    PACKED: tl.constexpr,
    WHOLE: tl.constexpr,
    DESCRIBED: tl.constexpr,
    SPECIALISED: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Write what a tile of queries gathers, and the base-2 logarithm of its weights' sum: +infinity if it sees none."""
    b, n, first, offset, rows, columns = _place(starts, T, S, N, tiles, ROWS, PACKED, CAUSAL)
    shift = columns - rows
    q_base = q + b * q_b + n.to(tl.int64) * q_n + offset * q_t
    key_base = k + b * k_b + (n // GROUP).to(tl.int64) * k_n + offset * k_s
    value_base = v + b * v_b + (n // GROUP).to(tl.int64) * v_n + offset * v_s
    bias_base = bias + b * bias_b + n.to(tl.int64) * bias_n + offset * (bias_t + bias_s)
    keys = key_base
    values = value_base
    if DESCRIBED:
        queries = tl.make_tensor_descriptor(q_base, [tl.maximum(rows, 1), H], [q_t, 1], [ROWS, WIDTH])
        q_tile = queries.load([first, 0])
        keys = tl.make_tensor_descriptor(key_base, [tl.maximum(columns, 1), H], [k_s, 1], [COLUMNS, WIDTH])
        values = tl.make_tensor_descriptor(value_base, [tl.maximum(columns, 1), H], [v_s, 1], [COLUMNS, WIDTH])
    else:
        q_tile = _tile(q_base, first, rows, q_t, ROWS, WIDTH, H)
    total = tl.zeros([ROWS, WIDTH], tl.float32)
    top = tl.full([ROWS], -float("inf"), tl.float32)
    mass = tl.zeros([ROWS], tl.float32)

    begin, end = _keys_seen(first, shift, columns, window, ROWS, COLUMNS, CAUSAL, WINDOWED)
    if PACKED:
        # Shorter sequences than the longest have tiles without queries.
        end = tl.where(first < rows, end, begin)
    row = (first + tl.arange(0, ROWS))[:, None]
    # Triton 3.6 specialises one loop of a kernel, without branches: keys that all queries see are masked with the rest.
    for start in tl.range(begin, end, COLUMNS, warp_specialize=SPECIALISED):
        start = tl.multiple_of(start, COLUMNS)
        column = (start + tl.arange(0, COLUMNS))[None, :]
        k_tile = keys.load([start, 0]) if DESCRIBED else _tile(keys, start, columns, k_s, COLUMNS, WIDTH, H)
        scores = tl.dot(q_tile, k_tile.T, input_precision=PRECISION)
        factor = scale
        if BIASED:
            inside = (row < rows) & (column < columns)
            place = row.to(tl.int64) * bias_t + column.to(tl.int64) * bias_s
            scores = scores * scale + tl.load(bias_base + place, mask=inside, other=0.0).to(tl.float32) * LOG2E
            factor = 1.0
        if not WHOLE:
            # Rows behind the last are not stored, and causal ones see no keys behind the last.
            mask = column <= row + shift if CAUSAL else column < columns
            if WINDOWED:
                mask = mask & (column > row + shift - window)
                if not CAUSAL:
                    mask = mask & (column < row + shift + window)
            scores = tl.where(mask, scores, -float("inf"))
        new_top = tl.maximum(top, tl.max(scores, 1) * factor)
        # Where nothing was seen yet, -infinity less -infinity would be NaN.
        anchor = tl.where(new_top == -float("inf"), 0.0, new_top)
        weights = tl.math.exp2(scores * factor - anchor[:, None])
        decay = tl.math.exp2(top - anchor)
        mass = mass * decay + tl.sum(weights, 1)
        total = total * decay[:, None]
        v_tile = values.load([start, 0]) if DESCRIBED else _tile(values, start, columns, v_s, COLUMNS, WIDTH, H)
        total = tl.dot(weights.to(v_tile.dtype), v_tile, total, input_precision=PRECISION)
        top = new_top
    blind = mass == 0.0
    mass = tl.where(blind, 1.0, mass)
    total = total / mass[:, None]
    _store(out + ((b * T + offset) * N + n) * H, total, first, rows, N * H, ROWS, WIDTH, H)
    row = first + tl.arange(0, ROWS)
    log = tl.where(blind, float("inf"), top + tl.math.log2(mass))
    tl.store(logs + (b * N + n) * T + offset + row, log, mask=row < rows)


@triton.jit(do_not_specialize=_SIZES)
def _backward_queries(
    q,
    k,
    v,
    bias,
    starts,
    out,
    logs,
    d_out,
    d_q,
    d_bias,
    delta,
    q_b,
    q_n,
    q_t,
    k_b,
    k_n,
    k_s,
    v_b,
    v_n,
    v_s,
    bias_b,
    bias_n,
    bias_t,
    bias_s,
    N,
    T,
    S,
    tiles,
    window,
    scale,
    GROUP: tl.constexpr,
    H: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    CAUSAL: tl.constexpr,
    WINDOWED: tl.constexpr,
    BIASED: tl.constexpr,
    PACKED: tl.constexpr,
    LEARNED: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Write the gradients of a tile of queries and, if it is learned, of their bias; and delta, for the keys'."""
    b, n, first, offset, rows, columns = _place(starts, T, S, N, tiles, ROWS, PACKED, CAUSAL)
    if first < rows:
        shift = columns - rows
        row = first + tl.arange(0, ROWS)
        line = (b * N + n) * T + offset
        spot = ((b * T + offset) * N + n) * H
        key_base = k + b * k_b + (n // GROUP).to(tl.int64) * k_n + offset * k_s
        value_base = v + b * v_b + (n // GROUP).to(tl.int64) * v_n + offset * v_s
        bias_base = bias + b * bias_b + n.to(tl.int64) * bias_n + offset * (bias_t + bias_s)
        q_tile = _tile(q + b * q_b + n.to(tl.int64) * q_n + offset * q_t, first, rows, q_t, ROWS, WIDTH, H)
        d_out_tile = _tile(d_out + spot, first, rows, N * H, ROWS, WIDTH, H)
        out_tile = _tile(out + spot, first, rows, N * H, ROWS, WIDTH, H)
        sums = tl.sum(out_tile.to(tl.float32) * d_out_tile.to(tl.float32), 1)
        tl.store(delta + line + row, sums, mask=row < rows)
        log = tl.load(logs + line + row, mask=row < rows, other=float("inf"))
        total = tl.zeros([ROWS, WIDTH], tl.float32)

        begin, end = _keys_seen(first, shift, columns, window, ROWS, COLUMNS, CAUSAL, WINDOWED)
        for start in tl.range(begin, end, COLUMNS):
            start = tl.multiple_of(start, COLUMNS)
            column = start + tl.arange(0, COLUMNS)
            k_tile = _tile(key_base, start, columns, k_s, COLUMNS, WIDTH, H)
            v_tile = _tile(value_base, start, columns, v_s, COLUMNS, WIDTH, H)
            scores = tl.dot(q_tile, k_tile.T, input_precision=PRECISION) * scale
            if BIASED:
                inside = (row < rows)[:, None] & (column < columns)[None, :]
                place = row.to(tl.int64)[:, None] * bias_t + column.to(tl.int64)[None, :] * bias_s
                scores += tl.load(bias_base + place, mask=inside, other=0.0).to(tl.float32) * LOG2E
            mask = _sees(row[:, None], column[None, :], shift, rows, columns, window, CAUSAL, WINDOWED)
            weights = tl.math.exp2(scores - log[:, None])
            d_weights = tl.dot(d_out_tile, v_tile.T, input_precision=PRECISION)
            d_scores = tl.where(mask, weights * (d_weights - sums[:, None]), 0.0)
            if LEARNED:
                spots = (line + row)[:, None] * S + offset + column[None, :]
                tl.store(d_bias + spots, d_scores.to(d_bias.dtype.element_ty), mask=mask)
            total = tl.dot(d_scores.to(k_tile.dtype), k_tile, total, input_precision=PRECISION)
        _store(d_q + spot, total * (scale / LOG2E), first, rows, N * H, ROWS, WIDTH, H)


@triton.jit(do_not_specialize=_SIZES)
def _backward_keys(
    q,
    k,
    v,
    bias,
    starts,
    logs,
    d_out,
    d_k,
    d_v,
    delta,
    q_b,
    q_n,
    q_t,
    k_b,
    k_n,
    k_s,
    v_b,
    v_n,
    v_s,
    bias_b,
    bias_n,
    bias_t,
    bias_s,
    N,
    T,
    S,
    tiles,
    window,
    scale,
    GROUP: tl.constexpr,
    H: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    CAUSAL: tl.constexpr,
    WINDOWED: tl.constexpr,
    BIASED: tl.constexpr,
    PACKED: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Write the gradients of a tile of keys and values, of all query heads that share them, one after another."""
    heads = N // GROUP
    b, kept, first, offset, rows, columns = _place(starts, T, S, heads, tiles, COLUMNS, PACKED, False)
    if first < columns:
        shift = columns - rows
        column = first + tl.arange(0, COLUMNS)
        k_tile = _tile(k + b * k_b + kept.to(tl.int64) * k_n + offset * k_s, first, columns, k_s, COLUMNS, WIDTH, H)
        v_tile = _tile(v + b * v_b + kept.to(tl.int64) * v_n + offset * v_s, first, columns, v_s, COLUMNS, WIDTH, H)
        total_k = tl.zeros([COLUMNS, WIDTH], tl.float32)
        total_v = tl.zeros([COLUMNS, WIDTH], tl.float32)

        begin = 0
        end = rows
        if WINDOWED:
            end = tl.minimum(end, first + COLUMNS - 1 - shift + window)
            begin = tl.maximum(first - shift - window + 1, 0) // ROWS * ROWS
        if CAUSAL:
            begin = tl.maximum(first - shift, 0) // ROWS * ROWS
        for member in tl.range(0, GROUP):
            n = kept * GROUP + member
            line = (b * N + n) * T + offset
            q_base = q + b * q_b + n.to(tl.int64) * q_n + offset * q_t
            d_out_base = d_out + ((b * T + offset) * N + n) * H
            bias_base = bias + b * bias_b + n.to(tl.int64) * bias_n + offset * (bias_t + bias_s)
            for start in tl.range(begin, end, ROWS):
                start = tl.multiple_of(start, ROWS)
                row = start + tl.arange(0, ROWS)
                q_tile = _tile(q_base, start, rows, q_t, ROWS, WIDTH, H)
                d_out_tile = _tile(d_out_base, start, rows, N * H, ROWS, WIDTH, H)
                log = tl.load(logs + line + row, mask=row < rows, other=float("inf"))
                sums = tl.load(delta + line + row, mask=row < rows, other=0.0)
                scores = tl.dot(k_tile, q_tile.T, input_precision=PRECISION) * scale
                if BIASED:
                    inside = (row < rows)[None, :] & (column < columns)[:, None]
                    place = row.to(tl.int64)[None, :] * bias_t + column.to(tl.int64)[:, None] * bias_s
                    scores += tl.load(bias_base + place, mask=inside, other=0.0).to(tl.float32) * LOG2E
                mask = _sees(row[None, :], column[:, None], shift, rows, columns, window, CAUSAL, WINDOWED)
                weights = tl.where(mask, tl.math.exp2(scores - log[None, :]), 0.0)
                total_v = tl.dot(weights.to(v_tile.dtype), d_out_tile, total_v, input_precision=PRECISION)
                d_weights = tl.dot(v_tile, d_out_tile.T, input_precision=PRECISION)
                d_scores = tl.where(mask, weights * (d_weights - sums[None, :]), 0.0)
                total_k = tl.dot(d_scores.to(q_tile.dtype), q_tile, total_k, input_precision=PRECISION)
        spot = ((b * S + offset) * heads + kept) * H
        _store(d_k + spot, total_k * (scale / LOG2E), first, columns, heads * H, COLUMNS, WIDTH, H)
        _store(d_v + spot, total_v, first, columns, heads * H, COLUMNS, WIDTH, H)


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    bias: Tensor | None = None,
    starts: Tensor | None = None,
    longest: int | None = None,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
) -> Tensor:
    """Return what `reference.attention` does, q [B, N, T, H], k and v [B, K, S, H], for 16-bit types and float32.

    Sums are in float32; weights, and the gradients of scores, are rounded to the dtype of the inputs before they
    multiply. The gradient of a bias takes B * N * T * S numbers of its dtype.

    Raises what the reference raises, and ShapeError if starts do not rise from 0 to T, unless longest is said.
    """
    check(q, k, v, bias=bias, starts=starts, window=window, scale=scale)
    if bias is not None:
        bias = bias.expand(*q.shape[:3], k.shape[2])
    if starts is not None and longest is None:
        longest = longest_of(starts, q.shape[2])
    call = _Call(longest=longest, causal=causal, window=window, scale=q.shape[-1] ** -0.5 if scale is None else scale)
    return cast(Tensor, _Attention.apply(q, k, v, bias, starts, call))


@dataclass(frozen=True, kw_only=True)
class _Call:
    """What a call says apart from its tensors."""

    longest: int | None
    causal: bool
    window: int | None
    scale: float

    def length(self, x: Tensor) -> int:
        """Return the positions of the longest sequence of queries or keys."""
        return x.shape[2] if self.longest is None else self.longest

    def constants(self, q: Tensor, k: Tensor, bias: Tensor | None, tiles: Tiles) -> dict[str, Any]:
        """Return what both passes are compiled for."""
        return {
            "GROUP": q.shape[1] // k.shape[1],
            "H": q.shape[3],
            "WIDTH": triton.next_power_of_2(q.shape[3]),
            "ROWS": tiles.rows,
            "COLUMNS": tiles.columns,
            "CAUSAL": self.causal,
            "WINDOWED": self.window is not None,
            "BIASED": bias is not None,
            "PACKED": self.longest is not None,
            "PRECISION": "ieee" if q.dtype == torch.float32 else "tf32",
            "num_warps": tiles.warps,
            "num_stages": tiles.stages,
        }


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, starts: Tensor | None, call: _Call
    ) -> Tensor:
        tiles = forward_tiles(q.shape[3], q.dtype, capability(q.device), biased=bias is not None)
        q, k, v = (_fetchable(x, described=tiles.described) for x in (q, k, v))
        out = _laid_out(q)
        logs = torch.empty(*q.shape[:3], dtype=torch.float32, device=q.device)
        ctx.call = call
        ctx.save_for_backward(q, k, v, bias, starts, out, logs)
        if out.numel() == 0 or k.numel() == 0:
            return out.zero_()
        if tiles.described:
            triton.set_allocator(_scratch)
        constants = call.constants(q, k, bias, tiles)
        parts = triton.cdiv(call.length(q), tiles.rows)
        with _on(q):
            _forward[(parts * _lines(q, starts) * q.shape[1],)](
                *_inputs(q, k, v, bias, starts),
                out,
                logs,
                *_sizes(q, k, v, bias, parts, call),
                **constants,
                WHOLE=k.shape[2] % tiles.columns == 0 and not any(constants[name] for name in _MASKS),
                DESCRIBED=tiles.described,
                SPECIALISED=tiles.specialised,
            )
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, bias, starts, out, logs = ctx.saved_tensors
        d_q, d_k, d_v = _laid_out(q), _laid_out(k), _laid_out(v)
        learned = bias is not None and ctx.needs_input_grad[3]
        d_bias = torch.zeros(bias.shape, dtype=bias.dtype, device=q.device) if learned else None
        if out.numel() == 0 or k.numel() == 0:
            return d_q.zero_(), d_k.zero_(), d_v.zero_(), d_bias, None, None
        call, inputs, lines = ctx.call, _inputs(q, k, v, bias, starts), _lines(q, starts)
        how = q.shape[3], q.dtype, capability(q.device)
        d_out, delta = d_out.transpose(1, 2).contiguous(), torch.empty_like(logs)
        with _on(q):
            parts = triton.cdiv(call.length(q), (tiles := query_tiles(*how, biased=bias is not None)).rows)
            _backward_queries[(parts * lines * q.shape[1],)](
                *inputs,
                out,
                logs,
                d_out,
                d_q,
                d_q if d_bias is None else d_bias,
                delta,
                *_sizes(q, k, v, bias, parts, call),
                **call.constants(q, k, bias, tiles),
                LEARNED=learned,
            )
            # It reads delta, which the other has written: both are in one stream.
            parts = triton.cdiv(call.length(k), (tiles := key_tiles(*how)).columns)
            _backward_keys[(parts * lines * k.shape[1],)](
                *inputs,
                logs,
                d_out,
                d_k,
                d_v,
                delta,
                *_sizes(q, k, v, bias, parts, call),
                **call.constants(q, k, bias, tiles),
            )
        return d_q, d_k, d_v, d_bias, None, None


def _inputs(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, starts: Tensor | None) -> tuple[Tensor, ...]:
    """Return the tensors that all kernels take; those that are not there are not looked at."""
    return q, k, v, q if bias is None else bias, q if starts is None else starts


def _sizes(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, parts: int, call: _Call) -> tuple[float, ...]:
    """Return the strides and sizes that all kernels take."""
    strides = (*q.stride()[:3], *k.stride()[:3], *v.stride()[:3], *((0,) * 4 if bias is None else bias.stride()))
    log2e = 1 / math.log(2)
    return *strides, q.shape[1], q.shape[2], k.shape[2], parts, call.window or 0, call.scale * log2e


def _lines(q: Tensor, starts: Tensor | None) -> int:
    """Return how many sequences there are."""
    return q.shape[0] if starts is None else len(starts) - 1


def _laid_out(x: Tensor) -> Tensor:
    """Return an empty [B, N, T, H] in which the heads of a position lie together, as layers around attention want."""
    rows, heads, positions, width = x.shape
    return torch.empty(rows, positions, heads, width, dtype=x.dtype, device=x.device).transpose(1, 2)


def _fetchable(x: Tensor, *, described: bool) -> Tensor:
    """Return a tensor with heads in one piece, and each at 16 bytes if descriptors are to fetch them."""
    steps = [x.data_ptr(), *(stride * x.element_size() for stride in x.stride()[:3])]
    if x.stride(3) == 1 and not (described and any(step % 16 for step in steps)):
        return x
    return x.clone(memory_format=torch.contiguous_format)


def _on(x: Tensor) -> AbstractContextManager[Any]:
    """Return a context in which the device of a tensor is the one that kernels run on."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


def _scratch(size: int, alignment: int, stream: int | None) -> Tensor:
    """Return memory in which a kernel puts its descriptors."""
    return torch.empty(size, dtype=torch.int8, device="cuda")
