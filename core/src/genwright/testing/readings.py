"""Readings whose answers are known exactly."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from genwright.readings import Condition, Stream

__all__ = ["Counted", "Finite", "Following", "Linear"]


@final
@dataclass(frozen=True, kw_only=True)
class Finite:
    """Some rows of tokens with their probabilities, read as what is hidden."""

    rows: Int64[Tensor, "N T"]
    probabilities: Float[Tensor, " N"]
    vocab_size: int

    @property
    def mask(self) -> int:
        """The token that stands where nothing is drawn yet."""
        return self.vocab_size

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.rows.shape[1:])

    def unmask(self, x: Int64[Tensor, "B T"], condition: Condition) -> Float[Tensor, "B T V"]:
        """Return the log probability of each token at each position, given what is not hidden."""
        fits = ((x[:, None] == self.rows) | (x[:, None] == self.mask)).all(2).double() * self.probabilities.double()
        found = torch.einsum("bn,ntv->btv", fits, self._one_hot)
        return (found / found.sum(-1, keepdim=True).clamp(min=1e-300)).log().float()

    @cached_property
    def _one_hot(self) -> Tensor:
        return F.one_hot(self.rows, self.vocab_size).double()


@final
@dataclass(frozen=True, kw_only=True)
class Following:
    """The same rows, read as what follows what."""

    rows: Finite
    stop: int | None = None

    @property
    def start(self) -> int:
        """The token to give first."""
        return self.rows.mask

    @property
    def length(self) -> int:
        """How many tokens a row has."""
        return self.rows.shape[0]

    def open(self, condition: Condition) -> Stream:
        """Return a stream of as many rows as the condition has."""
        return _FollowingStream(self.rows, len(condition))


class _FollowingStream:
    def __init__(self, reading: Finite, count: int) -> None:
        self.reading = reading
        self.drawn = torch.full((count, *reading.shape), reading.mask)
        self.at = torch.zeros(count, dtype=torch.int64)

    def step(self, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B V"]:
        places = torch.arange(len(tokens))
        begun = self.at > 0
        self.drawn[places[begun], self.at[begun] - 1] = tokens[begun]
        logits = self.reading.unmask(self.drawn, Condition.none(len(tokens)))
        logits = logits[places, self.at.clamp(max=self.reading.shape[0] - 1)]
        self.at = self.at + 1
        return logits

    def restart(self, rows: Bool[Tensor, " B"], condition: Condition) -> None:
        self.drawn[rows], self.at = self.reading.mask, torch.where(rows, 0, self.at)


@final
@dataclass(frozen=True, kw_only=True)
class Linear:
    """A decoder that multiplies latents by a matrix."""

    matrix: Float[Tensor, "Z D"]

    @property
    def latent(self) -> tuple[int, ...]:
        """The shape of a latent."""
        return (len(self.matrix),)

    def decode(self, z: Float[Tensor, "B Z"], condition: Condition) -> Float[Tensor, "B D"]:
        """Return the sample of a latent."""
        return z @ self.matrix


@final
@dataclass
class Counted:
    """Any reading, with the number of rows that each call was given."""

    inner: Any
    calls: list[int] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        """Return what the reading has; what can be called counts its rows first."""
        found = getattr(self.inner, name)
        return self._counting(found) if callable(found) else found

    def _counting(self, call: Any) -> Any:
        def counted(*given: Any) -> Any:
            self.calls.append(len(given[0]))
            return call(*given)

        return counted
