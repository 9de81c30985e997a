"""The ways in which tokens can begin a text, and the choice of one for each sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from genwright.readings import Condition, NextToken

__all__ = ["Cuts", "log_likelihoods"]


def log_likelihoods(reading: NextToken, condition: Condition, *, rows: int) -> Float[Tensor, " K"]:
    """Return how likely each row of a condition makes a sample to begin with its prefix, in nats.

    rows: how many rows the network is given at once, always exactly that many
    """
    last, device = len(condition) - 1, condition.prefix.device
    parts = [torch.arange(first, first + rows, device=device).clamp(max=last) for first in range(0, last + 1, rows)]
    return torch.cat([_scored(reading, condition[part]) for part in parts])[: last + 1]


def _scored(reading: NextToken, condition: Condition) -> Tensor:
    stream, device = reading.open(condition), condition.prefix.device
    tokens = torch.full((len(condition),), reading.start, device=device)
    total = torch.zeros(len(condition), device=device)
    for given in condition.prefix.T:
        scores = stream.step(tokens).float().log_softmax(-1)
        tokens = torch.where(given >= 0, given, tokens)
        asked = scores.gather(1, given.clamp(min=0)[:, None])[:, 0]
        total = total + torch.where(given >= 0, asked, 0.0)
    return total


@final
@dataclass(frozen=True)
class Cuts:
    """Cuts of a prefix as a reading of one token, which is the number of a cut; a sampler's rule so draws one.

    scores: log likelihood of each cut
    """

    scores: Float[Tensor, " K"]

    @property
    def start(self) -> int:
        """The token to give first, which no cut has."""
        return len(self.scores)

    @property
    def stop(self) -> None:
        """None, since a row is one token."""

    @property
    def length(self) -> int:
        """One token."""
        return 1

    def open(self, condition: Condition) -> _CutStream:
        """Return a stream that gives the scores to every row."""
        return _CutStream(self.scores)


@dataclass(frozen=True)
class _CutStream:
    scores: Tensor

    def step(self, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B K"]:
        return self.scores.expand(len(tokens), -1)

    def restart(self, rows: Bool[Tensor, " B"], condition: Condition) -> None:
        """Change nothing: each row begins as it goes on."""
