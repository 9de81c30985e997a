"""Norms, rotations and the cache in one loop over heads for a processor."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genwright.kernels.adaptive_norm.reference import EPSILON
from genwright.kernels.lanes import FLOAT, LONG, WIDTH, compiled, fused, get, load, numbers, spread, store, sum_of

__all__ = ["rotary_cache"]

_ZERO, _ONE, _EPSILON = (np.float32(number) for number in (0, 1, EPSILON))


def rotary_cache(inward: Tensor, cosine: Tensor, sine: Tensor, at: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return the queries, having written keys and values, as the reference says, of float32 in one piece.

    inward: [B, N + 2K, H] with H a multiple of 32; cosine, sine: [T, H]; at: [B]; keys, values: [B, K, S, H]

    Raises IndexError for a place that the cache or the rotations do not have; nothing is written then.
    """
    (rows, kept, size, head), heads = keys.shape, inward.shape[1] - 2 * keys.shape[1]
    queries = torch.empty(rows, heads, head)
    given = (inward, cosine, sine, at, keys, values, queries)
    known = min(size, len(cosine))
    if not _place(*(tensor.data_ptr() for tensor in given), rows, heads, kept, size, head, known):
        raise IndexError(f"places of tokens are from 0 to below {known}; got {at.tolist()}.")
    return queries


@compiled
def _place(inward, cosine, sine, at, keys, values, queries, rows, heads, kept, size, head, known):
    """Return whether all places are known; write nothing if not."""
    inward, cosine, sine = numbers(FLOAT, inward), numbers(FLOAT, cosine), numbers(FLOAT, sine)
    keys, values, queries = numbers(FLOAT, keys), numbers(FLOAT, values), numbers(FLOAT, queries)
    at = numbers(LONG, at)
    for b in range(rows):
        if not 0 <= get(at, b) < known:
            return False
    for b in range(rows):
        place, begin = get(at, b), b * (heads + 2 * kept) * head
        for n in range(heads):
            _turn(inward, begin + n * head, cosine, sine, place * head, queries, (b * heads + n) * head, head)
        for n in range(kept):
            to = ((b * kept + n) * size + place) * head
            _turn(inward, begin + (heads + n) * head, cosine, sine, place * head, keys, to, head)
            for h in range(0, head, WIDTH):
                store(values, to + h, load(inward, begin + (heads + kept + n) * head + h))
    return True


@compiled
def _turn(x, begin, cosine, sine, turn, to, out, head):
    """Write a head with a root mean square of 1, turned; both halves are whole multiples of sixteen numbers."""
    squares = spread(_ZERO)
    for h in range(0, head, WIDTH):
        some = load(x, begin + h)
        squares = fused(some, some, squares)
    rate = spread(_ONE / np.sqrt(sum_of(squares) / np.float32(head) + _EPSILON))
    half = head // 2
    for h in range(0, head, WIDTH):
        other = h - half if h >= half else h + half
        turned = load(x, begin + other) * rate * load(sine, turn + h)
        unit = load(x, begin + h) * rate
        store(to, out + h, fused(unit, load(cosine, turn + h), turned))
