"""Products of rows with a weight in loops for a processor, which read the weight at nearly the memory's speed.

Each result is summed by itself in an order that K gives: its bits do not depend on other rows, nor on how many there
are, and they are the same on every processor and from a weight in 16 bits as from the same numbers in 32.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genwright.kernels.lanes import FLOAT, KINDS, WIDTH, compiled, fused, last, load, numbers, spread, store_sums
from genwright.kernels.linear.packed import Packed
from genwright.kernels.linear.reference import check

__all__ = ["linear"]

_ZERO = np.float32(0)


def linear(x: Tensor, packed: Packed) -> Tensor:
    """Return the product of each row with a weight, as the reference says.

    x: [M, K], result: [M, N]

    Raises ShapeError if x is not rows of K numbers.
    """
    check(x, packed)
    weight, rows = packed.narrow, x if x.dtype == torch.float32 and x.is_contiguous() else x.float().contiguous()
    (count, width), size = rows.shape, len(weight)
    out = torch.empty(count, size, dtype=torch.float32)
    _multiply(KINDS[weight.dtype], rows.data_ptr(), weight.data_ptr(), out.data_ptr(), count, width, size)
    if packed.bias is not None:
        out += packed.bias
    return out if x.dtype == torch.float32 else out.to(x.dtype)


@compiled
def _multiply(kind, x, weight, out, count, width, size):
    """Write all products, four outputs at a time; the last four may take some of those before them again."""
    x, weight, out = numbers(FLOAT, x), numbers(kind, weight), numbers(FLOAT, out)
    for n in range(0, size, 4):
        n = min(n, size - 4)
        at = n * width
        for m in range(0, count - 1, 2):
            row, to = m * width, m * size + n
            a, b, e, f = _four_dots(x, row, weight, at, width)
            c, d, g, h = _four_dots(x, row, weight, at + 2 * width, width)
            store_sums(out, to, a, b, c, d)
            store_sums(out, to + size, e, f, g, h)
        if count % 2:
            row = (count - 1) * width
            a, b = _dot(x, row, weight, at, width), _dot(x, row, weight, at + width, width)
            at += 2 * width
            c, d = _dot(x, row, weight, at, width), _dot(x, row, weight, at + width, width)
            store_sums(out, (count - 1) * size + n, a, b, c, d)


@compiled
def _dot(x, row, weight, at, width):
    """Return sixteen numbers of which the sum is the product of a row with the weights of an output.

    These are read to their end before those of the next: memory gives what lies in one piece twice as fast as four rows
    of it side by side (float32, 384 inputs, AMD Zen 4).
    """
    even = odd = spread(_ZERO)
    rest = width % WIDTH
    for i in range(0, width - 2 * WIDTH + 1, 2 * WIDTH):
        even = fused(load(x, row + i), load(weight, at + i), even)
        odd = fused(load(x, row + i + WIDTH), load(weight, at + i + WIDTH), odd)
    if width // WIDTH % 2:
        i = width - rest - WIDTH
        even = fused(load(x, row + i), load(weight, at + i), even)
    if rest:
        i = width - WIDTH
        odd = fused(last(load(x, row + i), rest), last(load(weight, at + i), rest), odd)
    return even + odd


@compiled
def _four_dots(x, row, weight, at, width):
    """Return what `_dot` does for a row with two outputs, and then for the next row, from half as many loads."""
    a = b = c = d = e = f = g = h = spread(_ZERO)
    rest, below, beside = width % WIDTH, row + width, at + width
    for i in range(0, width - 2 * WIDTH + 1, 2 * WIDTH):
        p, q = load(x, row + i), load(x, below + i)
        r, s = load(weight, at + i), load(weight, beside + i)
        a, b, c, d = fused(p, r, a), fused(p, s, b), fused(q, r, c), fused(q, s, d)
        i += WIDTH
        p, q = load(x, row + i), load(x, below + i)
        r, s = load(weight, at + i), load(weight, beside + i)
        e, f, g, h = fused(p, r, e), fused(p, s, f), fused(q, r, g), fused(q, s, h)
    if width // WIDTH % 2:
        i = width - rest - WIDTH
        p, q = load(x, row + i), load(x, below + i)
        r, s = load(weight, at + i), load(weight, beside + i)
        a, b, c, d = fused(p, r, a), fused(p, s, b), fused(q, r, c), fused(q, s, d)
    if rest:
        i = width - WIDTH
        p, q = last(load(x, row + i), rest), last(load(x, below + i), rest)
        r, s = last(load(weight, at + i), rest), last(load(weight, beside + i), rest)
        e, f, g, h = fused(p, r, e), fused(p, s, f), fused(q, r, g), fused(q, s, h)
    return a + e, b + f, c + g, d + h
