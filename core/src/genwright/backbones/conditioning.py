"""What is asked for, as a vector."""

from __future__ import annotations

from typing import cast, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from genwright.readings import Condition
from genwright.space import WORDS, ConditionSpace

__all__ = ["Conditioning", "Contouring"]

_BUMPS = 24
_REACH = 3.5
_NEAR = 2


@final
class Conditioning(nn.Module):
    """Turns a condition into one vector a row; what is not asked for has a learned vector of its own.

    A scalar is spread over Gaussian bumps along [-3.5, 3.5] training deviations, so that the network can tell near
    values apart without having to learn a steep function of one number.
    """

    def __init__(self, conditions: ConditionSpace, *, width: int) -> None:
        super().__init__()
        scale = list(conditions.scalars.values())
        self.register_buffer("mean", torch.tensor([mean for mean, _ in scale]), persistent=False)
        self.register_buffer("deviation", torch.tensor([std for _, std in scale]), persistent=False)
        self.register_buffer("bumps", torch.linspace(-_REACH, _REACH, _BUMPS), persistent=False)
        self.scalar = nn.Parameter(torch.randn(len(scale), _BUMPS, width) * 0.02)
        self.unasked = nn.Parameter(torch.zeros(len(scale), width))
        sizes = [len(values) + 1 for values in conditions.labels.values()]
        self.labels = nn.ModuleList(nn.Embedding(size, width) for size in sizes)
        # Position 0 of each embedding stands for "not asked", which a condition writes as -1.
        self.texts = nn.ModuleList(nn.Embedding(len(words) + 1, width) for words in conditions.texts.values())

    mean: Tensor
    deviation: Tensor
    bumps: Tensor

    def forward(self, condition: Condition) -> Float[Tensor, "B D"]:
        """Return the sum of what is asked for."""
        asked = ~condition.scalars.isnan()
        z = (condition.scalars.nan_to_num() - self.mean) / self.deviation
        spread = _spread(z, self.bumps).to(self.scalar.dtype)
        each = torch.einsum("bsk,skd->bsd", spread, self.scalar)
        total = torch.where(asked[..., None], each, self.unasked).sum(1)
        for column, embedding in enumerate(self.labels):
            total = total + embedding(condition.labels[:, column] + 1)
        texts = torch.split(condition.labels[:, len(self.labels) :], WORDS, 1)
        for embedding, words in zip(self.texts, texts, strict=False):
            total = total + _told(cast(nn.Embedding, embedding), words)
        return total


@final
class Contouring(nn.Module):
    """Turns contours into a vector for each of their values; what is not asked for has a learned one of its own.

    So has what comes after the end of a contour, where a sample is to end too. A value is spread over bumps as that of
    a scalar is; the two before it and the two after it are told with it, since what is to come has to be prepared.
    """

    def __init__(self, conditions: ConditionSpace, *, width: int) -> None:
        super().__init__()
        scale = list(conditions.contours.values())
        self.register_buffer("mean", torch.tensor([[mean] for mean, _ in scale]), persistent=False)
        self.register_buffer("deviation", torch.tensor([[std] for _, std in scale]), persistent=False)
        self.register_buffer("bumps", torch.linspace(-_REACH, _REACH, _BUMPS), persistent=False)
        near = 2 * _NEAR + 1
        self.value = nn.Parameter(torch.randn(len(scale), near, _BUMPS, width) * 0.02)
        self.unasked, self.ended = (nn.Parameter(torch.zeros(len(scale), 1, near, width)) for _ in range(2))

    mean: Tensor
    deviation: Tensor
    bumps: Tensor

    def forward(self, contours: Float[Tensor, "B C N"]) -> Float[Tensor, "B N D"]:
        """Return the sum of what the contours ask for at each value."""
        z = (contours.nan_to_num(posinf=0.0) - self.mean) / self.deviation
        spread = _spread(_windows(z, beyond=0.0), self.bumps).to(self.value.dtype)
        windows, each = _windows(contours, beyond=torch.nan), torch.einsum("bcnok,cokd->bcnod", spread, self.value)
        each = torch.where(windows.isinf()[..., None], self.ended, each)
        return torch.where(windows.isnan()[..., None], self.unasked, each).sum((1, 3))


def _windows(values: Float[Tensor, "B C N"], *, beyond: float) -> Float[Tensor, "B C N O"]:
    """Return each value with those near it."""
    return F.pad(values, (_NEAR, _NEAR), value=beyond).unfold(2, 2 * _NEAR + 1, 1)


def _spread(z: Float[Tensor, "*rows"], bumps: Float[Tensor, " K"]) -> Float[Tensor, "*rows K"]:
    """Return how near each value is to each bump."""
    spacing = 2 * _REACH / (_BUMPS - 1)
    return torch.exp(-0.5 * ((z.clamp(-_REACH, _REACH)[..., None] - bumps) / spacing) ** 2)


def _told(embedding: nn.Embedding, words: Int64[Tensor, "B W"]) -> Float[Tensor, "B D"]:
    """Return the sum of the words that there are, at the deviation of one of them however many; or "not asked"."""
    there = (words >= 0)[..., None]
    total = (embedding(words + 1) * there).sum(1) / there.sum(1).clamp(min=1).sqrt()
    return torch.where(there.any(1), total, embedding.weight[0])
