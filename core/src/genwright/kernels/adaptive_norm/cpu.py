"""Gate, residual, norm and modulation in one loop over rows for a processor, each of which stays in its first cache.

The bits of a row depend neither on other rows nor on the processor.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genwright.kernels.adaptive_norm.reference import EPSILON
from genwright.kernels.lanes import FLOAT, WIDTH, compiled, fused, last, load, numbers, spread, store, sum_of

__all__ = ["adaptive_norm"]

_ZERO, _ONE, _EPSILON = (np.float32(number) for number in (0, 1, EPSILON))


def adaptive_norm(
    x: Tensor,
    *,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    update: Tensor | None = None,
    gate: Tensor | None = None,
    weight: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the stream and its norm, as the reference says, of contiguous [B, T, D] and rows [B, 1, D] for each B."""
    rows, places, width = x.shape
    stream = x if update is None else torch.empty_like(x)
    found = torch.empty_like(x)
    steps = (0 if row is None else row.stride(0) for row in (scale, shift, gate))
    given = (0 if tensor is None else tensor.data_ptr() for tensor in (scale, shift, gate, update, weight))
    _norm(x.data_ptr(), stream.data_ptr(), found.data_ptr(), rows, places, width, *steps, *given)
    return stream, found


@compiled
def _norm(x, stream, found, rows, places, width, scales, shifts, gates, scale, shift, gate, update, weight):
    """Write the stream, if something is added to it, and its norm; what is not given is at address 0."""
    x, stream, found = numbers(FLOAT, x), numbers(FLOAT, stream), numbers(FLOAT, found)
    scale, shift, gate = numbers(FLOAT, scale), numbers(FLOAT, shift), numbers(FLOAT, gate)
    update, weight = numbers(FLOAT, update), numbers(FLOAT, weight)
    for b in range(rows):
        for at in range(b * places * width, (b + 1) * places * width, width):
            if update:
                _add(x, stream, at, width, update, gate, b * gates)
            rate = _ONE / np.sqrt(_squares(stream, at, width) / np.float32(width) + _EPSILON)
            _finish(stream, found, at, width, rate, scale, b * scales, shift, b * shifts, weight)


@compiled
def _add(x, stream, at, width, update, gate, gated):
    for place in range(0, width, WIDTH):
        h = min(place, width - WIDTH)
        more = load(update, at + h)
        if gate:
            more = load(gate, gated + h) * more
        store(stream, at + h, load(x, at + h) + more)


@compiled
def _squares(stream, at, width):
    """Return the sum of the squares of a row; what comes last is counted once."""
    a = b = spread(_ZERO)
    rest = width % WIDTH
    whole = width - rest
    for h in range(0, whole - WIDTH, 2 * WIDTH):
        one, other = load(stream, at + h), load(stream, at + h + WIDTH)
        a, b = fused(one, one, a), fused(other, other, b)
    if whole % (2 * WIDTH):
        one = load(stream, at + whole - WIDTH)
        a = fused(one, one, a)
    if rest:
        one = last(load(stream, at + width - WIDTH), rest)
        b = fused(one, one, b)
    return sum_of(a + b)


@compiled
def _finish(stream, found, at, width, rate, scale, scaled, shift, shifted, weight):
    for place in range(0, width, WIDTH):
        h = min(place, width - WIDTH)
        unit = load(stream, at + h) * spread(rate)
        if scale:
            unit = fused(unit, load(scale, scaled + h), load(shift, shifted + h))
        if weight:
            unit = unit * load(weight, h)
        store(found, at + h, unit)
