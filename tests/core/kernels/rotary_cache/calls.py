"""Calls of `rotary_cache` by an implementation, each with a cache of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from genwright.kernels import use
from genwright.kernels.rotary_cache.spec import rotary_cache
from genwright.kernels.spec import Call

__all__ = ["done", "is_same_alone"]


def done(call: Call, by: str, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Return the queries and the cache after a call, which is given tensors of its own."""
    given = [tensor.clone().to(tensor.dtype if tensor.dtype == torch.int64 else dtype) for tensor in call.args]
    with use(rotary_cache=by):
        return [rotary_cache(*given), *given[4:]]


def is_same_alone(call: Call, by: str, row: int) -> bool:
    """Return whether a row has the same bits alone and among the others of a call."""
    inward, cosine, sine, at, keys, values = call.args
    one = slice(row, row + 1)
    alone = Call(name="", args=(inward[one], cosine, sine, at[one], keys[one], values[one]))
    return all(torch.equal(x, whole[one]) for x, whole in zip(done(alone, by), done(call, by), strict=True))
