"""What is asked for, as a vector."""

from __future__ import annotations

from typing import cast, final

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from genwright.readings import Condition
from genwright.space import WORDS, ConditionSpace

__all__ = ["Conditioning"]

_BUMPS = 24
_REACH = 3.5


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
        z = ((condition.scalars.nan_to_num() - self.mean) / self.deviation).clamp(-_REACH, _REACH)
        spacing = 2 * _REACH / (_BUMPS - 1)
        spread = torch.exp(-0.5 * ((z[..., None] - self.bumps) / spacing) ** 2).to(self.scalar.dtype)
        each = torch.einsum("bsk,skd->bsd", spread, self.scalar)
        total = torch.where(asked[..., None], each, self.unasked).sum(1)
        for column, embedding in enumerate(self.labels):
            total = total + embedding(condition.labels[:, column] + 1)
        texts = torch.split(condition.labels[:, len(self.labels) :], WORDS, 1)
        for embedding, words in zip(self.texts, texts, strict=False):
            total = total + _told(cast(nn.Embedding, embedding), words)
        return total


def _told(embedding: nn.Embedding, words: Int64[Tensor, "B W"]) -> Float[Tensor, "B D"]:
    """Return the sum of the words that there are, at the deviation of one of them however many; or "not asked"."""
    there = (words >= 0)[..., None]
    total = (embedding(words + 1) * there).sum(1) / there.sum(1).clamp(min=1).sqrt()
    return torch.where(there.any(1), total, embedding.weight[0])
