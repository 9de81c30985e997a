"""Amplifying what is asked for, around any sampler of tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from genwright.errors import OptionError
from genwright.readings import Condition, NextToken, Stream
from genwright.sampler import Sampler
from genwright.seeds import Noise

__all__ = ["Guided"]


@final
class Guided(Sampler[NextToken]):
    """Draws as another sampler does, from logits moved away from those of a model that is asked for nothing.

    scale: 1 leaves the model as it is, above 1 follows the condition more closely at the price of variety
    inner: the sampler that draws

    Sources: Ho and Salimans (2022), arXiv:2207.12598; Sanchez et al. (2023), arXiv:2306.17806, for tokens.
    """

    def __init__(self, *, inner: Sampler[NextToken], scale: float = 1.5) -> None:
        if not 0 <= scale < 100:
            raise OptionError(f"guidance takes a scale from 0 to 100; got {scale}.")
        self.inner, self.scale = inner, scale

    def sample(self, reading: NextToken, noise: Noise, condition: Condition, *, rows: int) -> Int64[Tensor, "B T"]:
        """Return one sequence a row of noise."""
        return self.inner.sample(_GuidedReading(reading, self.scale), noise, condition, rows=rows)


@dataclass(frozen=True)
class _GuidedReading:
    inner: NextToken
    scale: float

    @property
    def start(self) -> int:
        return self.inner.start

    @property
    def stop(self) -> int | None:
        return self.inner.stop

    @property
    def length(self) -> int:
        return self.inner.length

    def open(self, condition: Condition) -> Stream:
        return _GuidedStream(self.inner.open(condition), self.inner.open(_nothing(condition)), self.scale)


@dataclass(frozen=True)
class _GuidedStream:
    asked: Stream
    unasked: Stream
    scale: float

    def step(self, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B V"]:
        asked, unasked = (stream.step(tokens).log_softmax(-1) for stream in (self.asked, self.unasked))
        # Both are -inf where a mask inside forbids a token; their difference would be NaN there.
        return torch.where(asked.isneginf(), asked, unasked + self.scale * (asked - unasked))

    def restart(self, rows: Bool[Tensor, " B"], condition: Condition) -> None:
        self.asked.restart(rows, condition)
        self.unasked.restart(rows, _nothing(condition))


def _nothing(condition: Condition) -> Condition:
    return replace(
        condition,
        scalars=torch.full_like(condition.scalars, torch.nan),
        labels=torch.full_like(condition.labels, -1),
    )
