"""How noisy an input is and what is asked for, as a vector."""

from __future__ import annotations

import math
from typing import cast, final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from genwright.backbones.conditioning import Conditioning
from genwright.readings import Condition
from genwright.space import ConditionSpace

__all__ = ["LevelConditioning"]

_FREQUENCIES = 16
_SLOWEST, _FASTEST = 1 / 8, 8.0


@final
class LevelConditioning(nn.Module):
    """Turns a level of noise and a condition into one vector a row.

    The level is spread over waves of 1/8 to 8 turns a unit, so that the network tells near levels apart.

    Source: Tancik et al. (2020), arXiv:2006.10739 (Fourier features).
    """

    def __init__(self, conditions: ConditionSpace, *, width: int) -> None:
        super().__init__()
        turns = torch.logspace(math.log2(_SLOWEST), math.log2(_FASTEST), _FREQUENCIES, base=2.0)
        self.register_buffer("turns", 2 * math.pi * turns, persistent=False)
        self.inward, self.outward = nn.Linear(2 * _FREQUENCIES, width), nn.Linear(width, width)
        self.conditioning = Conditioning(conditions, width=width)

    turns: Tensor

    def forward(self, level: Float[Tensor, " B"], condition: Condition) -> Float[Tensor, "B D"]:
        """Return the vector, ready for a linear layer."""
        angle = level[:, None] * self.turns
        waves = torch.cat((angle.cos(), angle.sin()), 1).to(self.inward.weight.dtype)
        asked = self.conditioning(condition)
        return F.silu(cast(Tensor, self.outward(F.silu(self.inward(waves))) + asked))
