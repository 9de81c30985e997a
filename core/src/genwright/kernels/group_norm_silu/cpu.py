"""A group norm and SiLU by loops over vectors of channels that lie together.

Means and squared deviations of channels are taken over runs of places, and put together in float64. A run is
fetched once, and all again when it is written.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from genwright.kernels.lanes import (
    FLOAT,
    KINDS,
    WIDTH,
    compiled,
    exp2,
    fused,
    get,
    greater,
    load,
    numbers,
    spread,
    store,
)
from genwright.kernels.threads import shared

__all__ = ["group_norm_silu"]

_RUN = 64
_ZERO, _ONE = np.float32(0), np.float32(1)
_LOG2E = np.float32(1 / math.log(2))
# Powers of two stay within float32.
_LOWEST = np.float32(-126)
# So many numbers are worth another thread.
_WORTH = 100_000


def group_norm_silu(
    x: Tensor,
    groups: int,
    weight: Tensor,
    bias: Tensor,
    *,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """Return what the reference gives, but for what it rounds on the way to a dtype of 16 bits."""
    result = torch.empty_like(x)
    if not x.numel():
        return result
    samples, channels = x.shape[:2]
    sizes = x.numel() // (samples * channels), channels, groups
    modulated = scale is not None and shift is not None
    each = (weight, bias, scale, shift) if modulated else (weight, bias)
    rows = [row.detach().to(torch.float32).contiguous() for row in each if row is not None]
    places = [y.data_ptr() for y in (result, x, *rows)] + [0, 0] * (not modulated)

    def some(first: int, last: int) -> None:
        _normed(KINDS[x.dtype], *places, sizes, epsilon, first, last)

    shared(some, samples, work=x.numel(), worth=_WORTH)
    return result


@compiled
def _normed(kind, result, x, weight, bias, scale, shift, sizes, epsilon, first, last):
    """Write some samples, from one number on and before another."""
    result, x = numbers(kind, result), numbers(kind, x)
    weight, bias = numbers(FLOAT, weight), numbers(FLOAT, bias)
    scale, shift = numbers(FLOAT, scale), numbers(FLOAT, shift)
    places, channels, groups = sizes
    sums, squares = np.empty(channels, np.float32), np.empty(channels, np.float32)
    means, apart = np.empty(channels), np.empty(channels)
    factor, term = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for sample in range(first, last):
        start = sample * places * channels
        means[:], apart[:] = 0.0, 0.0
        for place in range(0, places, _RUN):
            count = min(_RUN, places - place)
            _run(sums, squares, x, start + place * channels, count, channels)
            share, between = count / (place + count), place * count / (place + count)
            for c in range(channels):
                step = np.float64(sums[c]) - means[c]
                means[c] += step * share
                apart[c] += np.float64(squares[c]) + step * step * between
        _factors(factor, term, means, apart, weight, bias, places, groups, epsilon)
        if scale:
            for c in range(channels):
                by = get(scale, sample * channels + c)
                factor[c] *= by
                term[c] = term[c] * by + get(shift, sample * channels + c)
        _write(result, x, factor, term, start, places, channels)


@compiled
def _run(sums, squares, x, start, count, channels):
    """Write the mean of each channel over a run of places, and the sum of its squared deviations."""
    sums[:], squares[:] = np.float32(0), np.float32(0)
    for at in range(start, start + count * channels, channels):
        for c in range(0, channels, WIDTH):
            store(sums, c, load(sums, c) + load(x, at + c))
    for c in range(0, channels, WIDTH):
        store(sums, c, load(sums, c) / spread(np.float32(count)))
    for at in range(start, start + count * channels, channels):
        for c in range(0, channels, WIDTH):
            deviation = load(x, at + c) - load(sums, c)
            store(squares, c, fused(deviation, deviation, load(squares, c)))


@compiled
def _factors(factor, term, means, apart, weight, bias, places, groups, epsilon):
    """Write by what the numbers of each channel are multiplied, and what is added then."""
    width = means.size // groups
    for first in range(0, means.size, width):
        mean, variance = 0.0, 0.0
        for c in range(first, first + width):
            mean += means[c] / width
        for c in range(first, first + width):
            variance += (apart[c] / places + (means[c] - mean) ** 2) / width
        for c in range(first, first + width):
            by = get(weight, c) / math.sqrt(variance + epsilon)
            factor[c], term[c] = by, get(bias, c) - mean * by


@compiled
def _write(result, x, factor, term, start, places, channels):
    for at in range(start, start + places * channels, channels):
        for c in range(0, channels, WIDTH):
            store(result, at + c, _silu(fused(load(x, at + c), load(factor, c), load(term, c))))


@compiled
def _silu(x):
    # Minus the greater of both is minus x, and no more than 126 in base 2.
    return x / (spread(_ONE) + exp2(spread(_ZERO) - greater(spread(_LOWEST), x * spread(_LOG2E))))
