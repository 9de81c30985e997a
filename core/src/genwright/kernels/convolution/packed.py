"""The weights of a convolution in the forms in which implementations read them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Packed"]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """Weights and a bias, which may not change: other forms of them are made once, when they are first asked for.

    weight: K results of C channels each, at 3 by 3 places
    """

    weight: Float[Tensor, "K C 3 3"]
    bias: Float[Tensor, " K"] | None = None

    @cached_property
    def sums(self) -> Float[Tensor, "36 lanes C 16"]:
        """The sums of weights that `convolution.cpu` multiplies, K = 16 lanes."""
        from genwright.kernels.convolution.cpu import sums_of

        return sums_of(self.weight)

    @cached_property
    def added(self) -> Float[Tensor, " K"]:
        """The bias in float32, or zeros."""
        if self.bias is None:
            return torch.zeros(len(self.weight))
        return self.bias.detach().float().contiguous()
