"""Sums of products for eight times sixteen results, which fill the registers of a processor."""

from __future__ import annotations

from typing import Any

from genwright.kernels.lanes.loop import compiled
from genwright.kernels.lanes.number import FLOAT, WIDTH, fused, get, load, spread, store

__all__ = ["EIGHT", "add_products", "store_eight", "zeros"]

EIGHT = 8
"""How many times sixteen results there are."""


@compiled
def zeros() -> Any:
    """Return sums to begin with."""
    none = spread(FLOAT)
    return none, none, none, none, none, none, none, none


@compiled
def add_products(sums: Any, x: Any, begin: Any, y: Any, at: Any, across: Any, along: Any, count: Any) -> Any:
    """Return sums with products added, one after another: of sixteen numbers of x by one of y for each sum.

    x: so many times sixteen numbers, from `begin` on
    y: the number for the first sum is at `at`, that for the next `across` later, and the next of each `along` later
    """
    a, b, c, d, e, f, g, h = sums
    two, three, four, five = at + across, at + 2 * across, at + 3 * across, at + 4 * across
    six, seven, eight = at + 5 * across, at + 6 * across, at + 7 * across
    for i in range(count):
        some, step = load(x, begin + i * WIDTH), i * along
        a = fused(some, spread(get(y, at + step)), a)
        b = fused(some, spread(get(y, two + step)), b)
        c = fused(some, spread(get(y, three + step)), c)
        d = fused(some, spread(get(y, four + step)), d)
        e = fused(some, spread(get(y, five + step)), e)
        f = fused(some, spread(get(y, six + step)), f)
        g = fused(some, spread(get(y, seven + step)), g)
        h = fused(some, spread(get(y, eight + step)), h)
    return a, b, c, d, e, f, g, h


@compiled
def store_eight(to: Any, at: Any, apart: Any, sums: Any) -> None:
    """Write sums, each so far apart from the one before."""
    for i, some in enumerate(sums):
        store(to, at + i * apart, some)
