"""Rows: calling networks with always as many, so that no row's bits depend on how many there are; a value for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

from genwright.errors import UsageError
from genwright.kernels.policy import POLICY, applied

__all__ = ["TILE", "by_rows", "each_row"]

TILE = 16
"""Networks are given a multiple of this many rows.

At other numbers, such as 4, 6, 8 and 10, some products compute a row by instructions that depend on its place, so that
its last bits are others where it is alone.
"""


def by_rows(call: Callable[[Int64[Tensor, " R"]], Tensor], count: int, *, rows: int, device: str = "cpu") -> Tensor:
    """Return a result for each of `count` places, from calls that are each given exactly `rows` places.

    The last call is filled up with the last place, and what comes of that is left out.

    Where kernels are to be invariant, TILE places in the stead of `rows`: then no operation has to be so by itself.

    Raises UsageError for no place: of what shape the results would be, only a call can tell.
    """
    if count < 1:
        raise UsageError(f"networks are called for one row or more; got {count}. Without any, leave the call out.")
    policy = POLICY.get()
    if policy.invariant:
        rows, policy = TILE, replace(policy, tiled=True)
    starts = range(0, count, rows)
    with applied(policy):
        parts = [call(torch.arange(start, start + rows, device=device).clamp(max=count - 1)) for start in starts]
    return torch.cat(parts)[:count]


def each_row(values: Shaped[Tensor, " B"], x: Shaped[Tensor, " B *shape"]) -> Shaped[Tensor, " B *ones"]:
    """Return a value for each row of x in a shape that meets all that is in the row."""
    return values.view(-1, *[1] * (x.ndim - 1))
