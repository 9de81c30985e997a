"""Calling networks with always as many rows, so that no row's bits depend on how many there are."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Int64
from torch import Tensor

__all__ = ["by_rows"]


def by_rows(call: Callable[[Int64[Tensor, " R"]], Tensor], count: int, *, rows: int, device: str = "cpu") -> Tensor:
    """Return a result for each of `count` places, from calls that are each given exactly `rows` places.

    The last call is filled up with the last place, and what comes of that is left out.
    """
    starts = range(0, max(count, 1), rows)
    parts = [call(torch.arange(start, start + rows, device=device).clamp(max=max(count - 1, 0))) for start in starts]
    return torch.cat(parts)[:count]
