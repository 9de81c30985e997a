"""Gate, residual, norm and modulation in one loop over rows for a processor, each of which stays in its first cache.

The bits of a row depend neither on other rows nor on the processor.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genwright.kernels.adaptive_norm.reference import EPSILON
from genwright.kernels.lanes import KINDS, WIDTH, add, compiled, fma, last, load, multiply, spread, store, sum_of

__all__ = ["adaptive_norm"]

_FLOAT = KINDS[torch.float32]
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
        more = load(_FLOAT, update, at + h)
        if gate:
            more = multiply(load(_FLOAT, gate, gated + h), more)
        store(stream, at + h, add(load(_FLOAT, x, at + h), more))


@compiled
def _squares(stream, at, width):
    """Return the sum of the squares of a row; what comes last is counted once."""
    a = b = spread(_ZERO)
    rest = width % WIDTH
    whole = width - rest
    for h in range(0, whole - WIDTH, 2 * WIDTH):
        one, other = load(_FLOAT, stream, at + h), load(_FLOAT, stream, at + h + WIDTH)
        a, b = fma(one, one, a), fma(other, other, b)
    if whole % (2 * WIDTH):
        one = load(_FLOAT, stream, at + whole - WIDTH)
        a = fma(one, one, a)
    if rest:
        one = last(load(_FLOAT, stream, at + width - WIDTH), rest)
        b = fma(one, one, b)
    return sum_of(add(a, b))


@compiled
def _finish(stream, found, at, width, rate, scale, scaled, shift, shifted, weight):
    for place in range(0, width, WIDTH):
        h = min(place, width - WIDTH)
        unit = multiply(load(_FLOAT, stream, at + h), spread(rate))
        if scale:
            unit = fma(unit, load(_FLOAT, scale, scaled + h), load(_FLOAT, shift, shifted + h))
        if weight:
            unit = multiply(unit, load(_FLOAT, weight, h))
        store(found, at + h, unit)
