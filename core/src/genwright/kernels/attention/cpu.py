"""Attention by loops over vectors of sixteen queries, which each go through their keys in the same order.

Products are summed feature by feature, eight keys or eight features at a time; scores are kept in base 2.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from genwright.kernels.attention.reference import check, longest_of
from genwright.kernels.lanes import (
    EIGHT,
    FLOAT,
    KINDS,
    LONG,
    WIDTH,
    add_products,
    compiled,
    exp2,
    get,
    greater,
    load,
    numbers,
    put,
    spread,
    store,
    store_eight,
    within,
    zeros,
)
from genwright.kernels.threads import shared

__all__ = ["attention"]

_KEYS = 64
_LEAST = np.float32(-3e38)
_HIDDEN = np.float32(-np.inf)
_TINY = np.float32(1e-30)
_ZERO = np.float32(0)
_LOG2E = np.float32(1 / math.log(2))
_ENDLESS = 1 << 30
# So many products are worth another thread.
_WORTH = 2_000_000


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
    """Return what the reference gives; heads of a position lie next to each other."""
    check(q, k, v, bias=bias, starts=starts, window=window, scale=scale)
    if starts is not None and longest is None:
        longest_of(starts, q.shape[2])
    rows, heads, queries, width = q.shape
    kept, keys = k.shape[1:3]
    if not (q.numel() and k.numel()):
        return q.new_zeros(rows, queries, heads, width).transpose(1, 2)
    out = torch.empty(rows, queries, heads, width, dtype=torch.float32)
    biases = q.new_zeros(1) if bias is None else bias.detach()
    ends = None if starts is None else starts.to(torch.int64).contiguous()
    dense = (x if x.stride(-1) == 1 else x.contiguous() for x in (q.detach(), k.detach(), v.detach()))
    given = *dense, biases.expand(rows, heads, queries, keys)
    places = out.data_ptr(), *(x.data_ptr() for x in given), 0 if ends is None else ends.data_ptr()
    strides = tuple(x.stride() for x in given)
    sizes = heads, kept, queries, keys, width, 1 if ends is None else len(ends) - 1
    masks = bias is not None, causal, _ENDLESS if window is None else min(window, _ENDLESS)
    factor = np.float32((width**-0.5 if scale is None else scale) / math.log(2))

    def some(first: int, last: int) -> None:
        _attend(KINDS[q.dtype], *places, strides, sizes, masks, factor, first, last)

    shared(some, rows * kept, work=2 * q.numel() * keys, worth=_WORTH)
    return out.to(q.dtype).transpose(1, 2)


@compiled
def _attend(kind, out, q, k, v, bias, starts, strides, sizes, masks, factor, first, last):
    """Write what the queries of some lines gather; a line is a row's key and value head."""
    out, q, k, v = numbers(FLOAT, out), numbers(kind, q), numbers(kind, k), numbers(kind, v)
    bias, starts = numbers(kind, bias), numbers(LONG, starts)
    heads, kept, length, extent, width, sequences = sizes
    of_q, of_k, of_v, of_bias = strides
    biased, causal, window = masks
    group = heads // kept
    wide, long = -(-width // EIGHT) * EIGHT, -(-extent // EIGHT) * EIGHT
    keys, values = np.empty(long * width, np.float32), np.empty(long * wide, np.float32)
    every = np.empty(length * width, np.float32)
    queries, total = np.empty(width * WIDTH, np.float32), np.empty(wide * WIDTH, np.float32)
    weights, biases = np.empty(_KEYS * WIDTH, np.float32), np.empty(_KEYS * WIDTH, np.float32)
    for line in range(first, last):
        b, head = line // kept, line % kept
        for sequence in range(sequences):
            offset, rows, columns = 0, length, extent
            if starts:
                offset = get(starts, sequence)
                rows = columns = get(starts, sequence + 1) - offset
            place = b * of_k[0] + head * of_k[1] + offset * of_k[2]
            _pack(keys, k, place, of_k[2], columns, min(long, columns + EIGHT), width, width)
            place = b * of_v[0] + head * of_v[1] + offset * of_v[2]
            _pack(values, v, place, of_v[2], columns, columns, width, wide)
            for n in range(head * group, (head + 1) * group):
                place = b * of_q[0] + n * of_q[1] + offset * of_q[2]
                _pack(every, q, place, of_q[2], rows, rows, width, width)
                corner = b * of_bias[0] + n * of_bias[1] + offset * (of_bias[2] + of_bias[3])
                for top in range(0, rows, WIDTH):
                    here = min(WIDTH, rows - top)
                    _pack_queries(queries, every, top * width, width, here, width, factor)
                    mass = _tile(
                        total, weights, biases, queries, keys, values,
                        bias, corner + top * of_bias[2], of_bias[2], of_bias[3],
                        top, here, rows, columns, biased, causal, window,
                    )  # fmt: skip
                    to = ((b * length + offset + top) * heads + n) * width
                    _write(out, to, heads * width, here, width, total, mass)


@compiled
def _pack(to, x, at, stride, count, padded, width, wide):
    """Lay out rows one after another, with zeros behind their features and behind the last."""
    whole = width // WIDTH * WIDTH
    for s in range(count):
        for d in range(0, whole, WIDTH):
            store(to, s * wide + d, load(x, at + s * stride + d))
        for d in range(whole, width):
            to[s * wide + d] = get(x, at + s * stride + d)
        for d in range(width, wide):
            to[s * wide + d] = np.float32(0)
    for s in range(count * wide, padded * wide):
        to[s] = np.float32(0)


@compiled
def _pack_queries(to, q, at, stride, here, width, factor):
    """Lay out sixteen queries feature by feature, times a factor; zeros behind the last."""
    for lane in range(here):
        for d in range(width):
            put(to, d * WIDTH + lane, get(q, at + lane * stride + d) * factor)
    for lane in range(here, WIDTH):
        for d in range(width):
            put(to, d * WIDTH + lane, np.float32(0))


@compiled
def _pack_biases(to, bias, at, down, along, here, count):
    for lane in range(WIDTH):
        row = min(lane, here - 1)
        for s in range(count):
            put(to, s * WIDTH + lane, get(bias, at + row * down + s * along) * _LOG2E)


@compiled
def _tile(
    total, weights, biases, queries, keys, values, bias, corner, down, along,
    top, present, rows, columns, biased, causal, window,
):  # fmt: skip
    """Write what sixteen queries gather, yet to be divided by the mass of their weights, which is returned."""
    width, wide = queries.size // WIDTH, total.size // WIDTH
    here = top + columns - rows
    begin = max(here - window + 1, 0) // _KEYS * _KEYS
    end = min(columns, here + WIDTH if causal else here + WIDTH - 1 + window)
    peak, mass = spread(_HIDDEN), spread(_ZERO)
    for d in range(wide):
        store(total, d * WIDTH, mass)
    for start in range(begin, end, _KEYS):
        count = min(_KEYS, end - start)
        _score(weights, queries, keys, start, count, width)
        if biased:
            _pack_biases(biases, bias, corner + start * along, down, along, present, count)
            for s in range(count):
                store(weights, s * WIDTH, load(weights, s * WIDTH) + load(biases, s * WIDTH))
        if (causal and start + count - 1 > here) or start <= here + WIDTH - 1 - window or start + count > here + window:
            _mask(weights, start, count, here, causal, window)
        new = peak
        for s in range(count):
            new = greater(load(weights, s * WIDTH), new)
        # Where nothing was seen yet, -infinity less -infinity would be NaN.
        anchor = greater(new, spread(_LEAST))
        decay = exp2(peak - anchor)
        mass = mass * decay
        for s in range(count):
            weight = exp2(load(weights, s * WIDTH) - anchor)
            store(weights, s * WIDTH, weight)
            mass = mass + weight
        _gather(total, weights, values, decay, start, count, wide)
        peak = new
    return mass


@compiled
def _score(scores, queries, keys, start, count, width):
    """Write the products of sixteen queries with some keys."""
    for s in range(0, count, EIGHT):
        sums = add_products(zeros(), queries, 0, keys, (start + s) * width, width, 1, width)
        store_eight(scores, s * WIDTH, WIDTH, sums)


@compiled
def _mask(scores, start, count, here, causal, window):
    """Hide the keys that a query does not see: those that do see a key are next to each other."""
    for s in range(count):
        ahead = start + s - here
        begin = ahead if causal else ahead - window + 1
        kept = within(load(scores, s * WIDTH), begin, ahead + window, spread(_HIDDEN))
        store(scores, s * WIDTH, kept)


@compiled
def _gather(total, weights, values, decay, start, count, wide):
    """Add some values times their weights to what was gathered before, which decays."""
    for feature in range(0, wide, EIGHT):
        to = feature * WIDTH
        a, b = load(total, to) * decay, load(total, to + WIDTH) * decay
        c, d = load(total, to + 2 * WIDTH) * decay, load(total, to + 3 * WIDTH) * decay
        e, f = load(total, to + 4 * WIDTH) * decay, load(total, to + 5 * WIDTH) * decay
        g, h = load(total, to + 6 * WIDTH) * decay, load(total, to + 7 * WIDTH) * decay
        sums = add_products((a, b, c, d, e, f, g, h), weights, 0, values, start * wide + feature, 1, wide, count)
        store_eight(total, to, WIDTH, sums)


@compiled
def _write(out, to, stride, present, width, total, mass):
    """Write what was gathered by the mass of its weights, and zeros where there were none."""
    by = greater(mass, spread(_TINY))
    for d in range(width):
        store(total, d * WIDTH, load(total, d * WIDTH) / by)
    for lane in range(present):
        for d in range(width):
            put(out, to + lane * stride + d, get(total, d * WIDTH + lane))
