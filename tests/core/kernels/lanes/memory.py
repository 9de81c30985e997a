"""Memory that loops write to."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from genwright.kernels.lanes import WIDTH

__all__ = ["written"]


def written(loop: Any, *given: Any, count: int = WIDTH, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return what a loop writes to an address, between guards that it must leave alone."""
    whole = torch.full((count + 2 * WIDTH,), math.nan, dtype=dtype)
    loop(*given, whole[WIDTH:].data_ptr())
    assert whole[:WIDTH].isnan().all()
    assert whole[WIDTH + count :].isnan().all()
    return whole[WIDTH : WIDTH + count]
