"""Attention of one query a row in loops for a processor, which read the cache at nearly the memory's speed.

A row is gathered by itself, in an order that its own length gives: its bits depend neither on the other rows nor on how
long the cache is, and they are the same on every processor.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from genwright.kernels.attention.reference import check
from genwright.kernels.lanes import (
    FLOAT,
    INT,
    KINDS,
    WIDTH,
    compiled,
    exp,
    first,
    fused,
    get,
    greater,
    greatest_of,
    last,
    load,
    numbers,
    spread,
    store,
    store_sums,
    sum_of,
)

__all__ = ["decode_attention"]

TILE = 16
"""The keys that all queries of a group see before the next ones, so that these come from memory once."""

_ZERO, _ONE, _HIDDEN, _NAN = (np.float32(number) for number in (0, 1, -math.inf, math.nan))


def decode_attention(
    q: Tensor, k: Tensor, v: Tensor, *, lengths: Tensor | None = None, scale: float | None = None
) -> Tensor:
    """Return what the query of each row gathers, as the reference says.

    q: [B, N, H], k and v: [B, K, S, H], lengths: [B]; the last axis of k and v is dense

    Raises ShapeError if heads or axes do not fit, OptionError if the scale is not above 0.
    """
    rows, heads, width = q.shape
    _, kept, size, _ = k.shape
    if not (scale is None and k.shape == v.shape == (rows, kept, size, width) and kept and heads % kept == 0):
        check(q[:, :, None], k, v, bias=None, starts=None, window=None, scale=scale)
    queries = q if q.dtype == torch.float32 and q.is_contiguous() else q.float().contiguous()
    out = torch.empty(rows, heads, width, dtype=torch.float32)
    scale = width**-0.5 if scale is None else float(scale)
    (k_b, k_n, k_s, _), (v_b, v_n, v_s, _) = k.stride(), v.stride()
    lengths = lengths if lengths is None else lengths.contiguous()
    _attend(
        KINDS[k.dtype], queries.data_ptr(), k.data_ptr(), v.data_ptr(), 0 if lengths is None else lengths.data_ptr(),
        out.data_ptr(), scale, rows, heads, kept, size, width, k_b, k_n, k_s, v_b, v_n, v_s,
    )  # fmt: skip
    return out if q.dtype == torch.float32 else out.to(q.dtype)


@compiled
def _attend(kind, q, k, v, lengths, out, scale, rows, heads, kept, size, width, k_b, k_n, k_s, v_b, v_n, v_s):
    """Write what each query gathers, given where things are and the steps of their axes."""
    q, k, v, out = numbers(FLOAT, q), numbers(kind, k), numbers(kind, v), numbers(FLOAT, out)
    lengths, group = numbers(INT, lengths), heads // max(kept, 1)
    weights = np.empty((group, size + 2 * WIDTH), np.float32)
    sums = np.empty((group, width + WIDTH), np.float32)
    totals = np.empty(group, np.float32)
    for b in range(rows):
        length = max(0, min(size, get(lengths, b))) if lengths else size
        for n in range(kept):
            queries = (b * heads + n * group) * width
            _score(q, queries, k, b * k_b + n * k_n, k_s, weights, length, width)
            for g in range(len(weights)):
                totals[g] = _weigh(weights[g], length, np.float32(scale))
            _gather(weights, totals, v, b * v_b + n * v_n, v_s, sums, length, width)
            for g in range(len(weights)):
                _finish(sums[g], totals[g], out, queries + g * width, width)


@compiled
def _score(q, queries, k, keys, step, scores, length, width):
    """Write the product of each query of a group with each key; those of the last key repeat up to a multiple of 4."""
    for tile in range(0, length, TILE):
        for g in range(len(scores)):
            _score_tile(q, queries + g * width, k, keys, step, scores[g], tile, length, width)


@compiled
def _score_tile(q, query, k, keys, step, to, tile, length, width):
    """Write the products of a query with the keys of a tile, four at a time."""
    rest, final = width % WIDTH, length - 1
    for s in range(tile, min(tile + TILE, length), 4):
        at, after = keys + s * step, keys + min(s + 1, final) * step
        later, latest = keys + min(s + 2, final) * step, keys + min(s + 3, final) * step
        a = b = c = d = spread(_ZERO)
        for h in range(0, width - rest, WIDTH):
            x = load(q, query + h)
            a = fused(x, load(k, at + h), a)
            b = fused(x, load(k, after + h), b)
            c = fused(x, load(k, later + h), c)
            d = fused(x, load(k, latest + h), d)
        if rest:
            h = width - WIDTH
            x = last(load(q, query + h), rest)
            a = fused(x, last(load(k, at + h), rest), a)
            b = fused(x, last(load(k, after + h), rest), b)
            c = fused(x, last(load(k, later + h), rest), c)
            d = fused(x, last(load(k, latest + h), rest), d)
        store_sums(to, s, a, b, c, d)


@compiled
def _weigh(weights, length, scale):
    """Write weights in the place of scores, and return their sum; with a minus if some of them are 0."""
    if length == 0:
        return _ZERO
    top, odd = spread(_HIDDEN), spread(_ZERO)
    weights[length : length + WIDTH] = weights[length - 1]
    for s in range(0, length, WIDTH):
        x = load(weights, s)
        top = greater(x, top)
        odd = fused(x, spread(_ZERO), odd)
    # Zero times what is not finite is NaN.
    if sum_of(odd) != _ZERO:
        return _weigh_odd(weights, length, scale)
    top, total = spread(greatest_of(top)), spread(_ZERO)
    for s in range(0, length, WIDTH):
        x = first(exp((load(weights, s) - top) * spread(scale)), length - s)
        store(weights, s, x)
        total = total + x
    return sum_of(total)


@compiled
def _weigh_odd(weights, length, scale):
    """Do as `_weigh` where scores are not finite: NaN and infinity spoil all, and -infinity hides a key."""
    top, total = _HIDDEN, _ZERO
    for s in range(length):
        if not weights[s] < -_HIDDEN:
            weights[:length] = _NAN
            return _NAN
        top = max(top, weights[s])
    for s in range(length):
        seen = weights[s] > _HIDDEN
        weights[s] = sum_of(first(exp(spread((weights[s] - top) * scale)), 1)) if seen else _ZERO
        total += weights[s]
    return -total


@compiled
def _gather(weights, totals, v, values, step, sums, length, width):
    """Write the sums of values by their weights; the last 16 features of a width that is no multiple of 16 apart."""
    whole = width - width % WIDTH
    sums[:] = 0
    for tile in range(0, length, TILE):
        count, at = min(TILE, length - tile), values + tile * step
        for g in range(len(weights)):
            some, to = weights[g, tile:], sums[g]
            if totals[g] <= 0:
                for h in range(0, width, WIDTH):
                    _add_seen(some, v, at + min(h, width - WIDTH), step, to, h, count)
                continue
            for h in range(0, whole - 3 * WIDTH, 4 * WIDTH):
                _add_four(some, v, at + h, step, to, h, count)
            for h in range(whole // (4 * WIDTH) * (4 * WIDTH), width, WIDTH):
                _add_one(some, v, at + min(h, width - WIDTH), step, to, h, count)


@compiled
def _add_four(weights, v, at, step, to, h, count):
    """Add values by their weights to 64 sums."""
    a, b = load(to, h), load(to, h + WIDTH)
    c, d = load(to, h + 2 * WIDTH), load(to, h + 3 * WIDTH)
    for s in range(count):
        x = spread(weights[s])
        a = fused(x, load(v, at), a)
        b = fused(x, load(v, at + WIDTH), b)
        c = fused(x, load(v, at + 2 * WIDTH), c)
        d = fused(x, load(v, at + 3 * WIDTH), d)
        at += step
    store(to, h, a)
    store(to, h + WIDTH, b)
    store(to, h + 2 * WIDTH, c)
    store(to, h + 3 * WIDTH, d)


@compiled
def _add_one(weights, v, at, step, to, h, count):
    """Add values by their weights to 16 sums, by four at a time, which need not wait for each other."""
    a, b, c, d = load(to, h), spread(_ZERO), spread(_ZERO), spread(_ZERO)
    for s in range(0, count - 3, 4):
        a = fused(spread(weights[s]), load(v, at), a)
        b = fused(spread(weights[s + 1]), load(v, at + step), b)
        c = fused(spread(weights[s + 2]), load(v, at + 2 * step), c)
        d = fused(spread(weights[s + 3]), load(v, at + 3 * step), d)
        at += 4 * step
    for s in range(count // 4 * 4, count):
        a = fused(spread(weights[s]), load(v, at), a)
        at += step
    store(to, h, (a + b) + (c + d))


@compiled
def _add_seen(weights, v, at, step, to, h, count):
    """Add values by their weights to 16 sums, but for those without weight, which need not be finite."""
    a = load(to, h)
    for s in range(count):
        if weights[s] != 0:
            a = fused(spread(weights[s]), load(v, at + s * step), a)
    store(to, h, a)


@compiled
def _finish(sums, total, out, at, width):
    """Write sums as shares of their total; zeros if nothing was seen."""
    by = spread(_ONE / abs(total) if total != 0 else _ZERO)
    for h in range(0, width, WIDTH):
        store(out, at + min(h, width - WIDTH), load(sums, h) * by)
