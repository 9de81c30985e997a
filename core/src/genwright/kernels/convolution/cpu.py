"""Convolutions of 3 by 3 by loops: squares of 4 by 4 results from a quarter of the products.

Squares of 6 by 6 numbers, and weights, are brought to 36 sums each, which are multiplied over channels, sum by sum,
and brought back. A square's bits depend on nothing beside it.

Source: Lavin and Gray (2016), arXiv:1509.09308.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genwright.kernels.convolution.packed import Packed
from genwright.kernels.lanes import (
    EIGHT,
    FLOAT,
    KINDS,
    WIDTH,
    add_products,
    compiled,
    fused,
    load,
    numbers,
    spread,
    store,
    store_eight,
    zeros,
)
from genwright.kernels.threads import shared

__all__ = ["convolution", "sums_of"]

_SQUARES = 32
_SUMS = 36
# So many squares, times channels, are worth another thread.
_WORTH = 4_000
_ZERO, _TWO, _FOUR, _FIVE, _EIGHTH = (np.float32(value) for value in (0, 2, 4, 5, 8))

_OF_WEIGHTS = (
    torch.tensor([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], dtype=torch.float64) / 24.0
)


def sums_of(weight: Tensor) -> Tensor:
    """Return the sums of weights [K, C, 3, 3] as [36, K / 16, C, 16]."""
    sums = torch.einsum("ip, kcpq, jq -> ijkc", _OF_WEIGHTS, weight.detach().double(), _OF_WEIGHTS)
    kept, channels = weight.shape[:2]
    return sums.reshape(_SUMS, kept // WIDTH, WIDTH, channels).mT.to(torch.float32).contiguous()


def convolution(x: Tensor, packed: Packed) -> Tensor:
    """Return the convolution of x [B, C, H, W], padded by 1, as the reference says; channels lie together."""
    rows, channels, height, width = x.shape
    kept = len(packed.added)
    exact = torch.float32 if x.dtype == torch.float16 else x.dtype
    given = x.detach().movedim(1, -1).to(exact).contiguous()
    out = torch.empty(rows, height, width, kept, dtype=exact)
    sizes = height, width, channels, kept
    across = -(-height // 4) * -(-width // 4)
    places = [y.data_ptr() for y in (out, given, packed.sums, packed.added)]

    def some(first: int, last: int) -> None:
        _convolved(KINDS[exact], *places, sizes, first, last)

    shared(some, rows * across, work=rows * across * channels, worth=_WORTH)
    return out.to(x.dtype).movedim(-1, 1)


@compiled
def _convolved(kind, out, x, factors, bias, sizes, first, last):
    """Write some squares of results, from one number on and before another."""
    out, x, factors, bias = numbers(kind, out), numbers(kind, x), numbers(FLOAT, factors), numbers(FLOAT, bias)
    height, width, channels, kept = sizes
    given, gathered = np.empty(_SUMS * _SQUARES * channels, np.float32), np.empty(_SUMS * _SQUARES * kept, np.float32)
    square = np.empty(_SUMS * WIDTH, np.float32)
    for start in range(first, last, _SQUARES):
        count = min(_SQUARES, last - start)
        for s in range(count):
            _bring(given, s * channels, square, x, start + s, height, width, channels)
        for one in range(_SUMS):
            _multiply(gathered, factors, given, one, count, channels, kept)
        for s in range(count):
            _return(out, gathered, s * kept, square, bias, start + s, height, width, kept)


@compiled
def _multiply(gathered, factors, given, one, count, channels, kept):
    """Write one of the sums of results of some squares."""
    for k in range(0, kept, WIDTH):
        panel = (one * kept + k) * channels
        for s in range(0, count, EIGHT):
            at = (one * _SQUARES + s) * channels
            sums = add_products(zeros(), factors, panel, given, at, channels, 1, channels)
            store_eight(gathered, (one * _SQUARES + s) * kept + k, kept, sums)


@compiled
def _corner(place, height, width):
    """Return the sample of a square and where its results begin, down and across."""
    across = -(-width // 4)
    per = across * -(-height // 4)
    return place // per, place % per // across * 4, place % across * 4


@compiled
def _bring(given, to, square, x, place, height, width, channels):
    """Write the sums of a square of numbers."""
    sample, top, left = _corner(place, height, width)
    zero = spread(_ZERO)
    for c in range(0, channels, WIDTH):
        for i in range(6):
            row, at = top + i - 1, i * 6 * WIDTH
            if row < 0 or row >= height:
                for j in range(6):
                    store(square, at + j * WIDTH, zero)
                continue
            start = ((sample * height + row) * width + left - 1) * channels + c
            p = load(x, start) if left > 0 else zero
            q = load(x, start + channels)
            r = load(x, start + 2 * channels) if left + 1 < width else zero
            s = load(x, start + 3 * channels) if left + 2 < width else zero
            t = load(x, start + 4 * channels) if left + 3 < width else zero
            u = load(x, start + 5 * channels) if left + 4 < width else zero
            _sums(square, at, WIDTH, p, q, r, s, t, u)
        for j in range(6):
            p, q = load(square, j * WIDTH), load(square, (6 + j) * WIDTH)
            r, s = load(square, (12 + j) * WIDTH), load(square, (18 + j) * WIDTH)
            t, u = load(square, (24 + j) * WIDTH), load(square, (30 + j) * WIDTH)
            _sums(given, to + c + j * _SQUARES * channels, 6 * _SQUARES * channels, p, q, r, s, t, u)


@compiled
def _sums(to, at, apart, p, q, r, s, t, u):
    """Write six sums of six numbers."""
    two, four, five = spread(_TWO), spread(_FOUR), spread(_FIVE)
    store(to, at, fused(four, p, t) - five * r)
    even, odd = t - four * r, s - four * q
    store(to, at + apart, even + odd)
    store(to, at + 2 * apart, even - odd)
    even, odd = t - r, two * (s - q)
    store(to, at + 3 * apart, even + odd)
    store(to, at + 4 * apart, even - odd)
    store(to, at + 5 * apart, fused(four, q, u) - five * s)


@compiled
def _results(to, at, apart, count, term, p, q, r, s, t, u):
    """Write up to four results of six sums, to which a term is added."""
    first, second, third, fourth = q + r, q - r, s + t, s - t
    store(to, at, p + first + third + term)
    if count > 1:
        store(to, at + apart, fused(spread(_TWO), fourth, second) + term)
    if count > 2:
        store(to, at + 2 * apart, fused(spread(_FOUR), third, first) + term)
    if count > 3:
        store(to, at + 3 * apart, fused(spread(_EIGHTH), fourth, second) + u + term)


@compiled
def _return(out, gathered, at, square, bias, place, height, width, kept):
    """Write the results of a square."""
    sample, top, left = _corner(place, height, width)
    apart = _SQUARES * kept
    zero = spread(_ZERO)
    for k in range(0, kept, WIDTH):
        for j in range(6):
            start = at + k + j * apart
            p, q = load(gathered, start), load(gathered, start + 6 * apart)
            r, s = load(gathered, start + 12 * apart), load(gathered, start + 18 * apart)
            t, u = load(gathered, start + 24 * apart), load(gathered, start + 30 * apart)
            _results(square, j * WIDTH, 6 * WIDTH, 4, zero, p, q, r, s, t, u)
        for i in range(min(4, height - top)):
            start = i * 6 * WIDTH
            p, q, r = load(square, start), load(square, start + WIDTH), load(square, start + 2 * WIDTH)
            s, t, u = load(square, start + 3 * WIDTH), load(square, start + 4 * WIDTH), load(square, start + 5 * WIDTH)
            to = ((sample * height + top + i) * width + left) * kept + k
            _results(out, to, kept, min(4, width - left), load(bias, k), p, q, r, s, t, u)
