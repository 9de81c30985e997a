"""A weight in the forms in which implementations read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Packed"]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """A weight and a bias, which may not change: other forms of them are made once, when they are first asked for.

    weight: N outputs of K inputs each
    """

    weight: Float[Tensor, "N K"]
    bias: Float[Tensor, " N"] | None = None
    _blocked: dict[int, Tensor] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def narrow(self) -> Float[Tensor, "N K"]:
        """The weight in 16 bits if float16 or bfloat16 holds each of its numbers, and else in float32.

        Checkpoints are often kept in half precision, and half the bytes give the very same numbers in half the time.
        """
        weight = self.weight.detach()
        for dtype in (torch.bfloat16, torch.float16):
            if weight.dtype == dtype or (torch.equal(half := weight.to(dtype), weight) and half.dtype == dtype):
                return weight.to(dtype).contiguous()
        return weight.float().contiguous()

    def blocked(self, rows: int) -> Tensor:
        """Return the weight as oneDNN lays it out for a number of rows; that for the last number is kept."""
        made = self._blocked.get(rows)
        if made is None:
            made = torch.ops.mkldnn._reorder_linear_weight(self.weight.detach().contiguous(), rows)
            self._blocked.clear()
            self._blocked[rows] = made
        return made
