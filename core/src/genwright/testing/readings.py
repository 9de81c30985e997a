"""Readings whose answers are known exactly."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from genwright.readings import Condition, Stream

__all__ = ["Counted", "Finite", "Following", "Linear", "agreement"]

# Not 0, so that a part that is kept can contradict what is asked for, as it can with a trained model.
_ELSE = 1e-6


def agreement(kinds: Int64[Tensor, " N"], condition: Condition) -> Float64[Tensor, "B N"]:
    """Return what the likelihood of each of N things is multiplied by, for what is asked with the first label.

    It is 1 for those of the kind that a row asks for, and for all where it asks for none; a millionth for the others.
    """
    if not condition.labels.shape[1]:
        return torch.ones(len(condition), len(kinds), dtype=torch.float64)
    asked = condition.labels[:, :1]
    return torch.where((asked < 0) | (asked == kinds), 1.0, _ELSE).double()


@final
@dataclass(frozen=True, kw_only=True)
class Finite:
    """Some rows of tokens with their probabilities, read as what is hidden.

    kinds: of each row, the label with which it is asked for; None where nothing can be asked
    """

    rows: Int64[Tensor, "N T"]
    probabilities: Float[Tensor, " N"]
    vocab_size: int
    kinds: Int64[Tensor, " N"] | None = None

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
        fits = ((x[:, None] == self.rows) | (x[:, None] == self.mask)).all(2)
        found = torch.einsum("bn,ntv->btv", fits * self.asked(condition), self._one_hot)
        return (found / found.sum(-1, keepdim=True).clamp(min=1e-300)).log().float()

    def asked(self, condition: Condition) -> Float64[Tensor, "B N"]:
        """Return how likely each row of tokens is, up to a factor, given what each row of a condition asks for."""
        likely = self.probabilities.double().expand(len(condition), -1)
        return likely if self.kinds is None else likely * agreement(self.kinds, condition)

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
        return _FollowingStream(self.rows, condition)


class _FollowingStream:
    def __init__(self, reading: Finite, condition: Condition) -> None:
        self.reading, self.condition = reading, condition
        self.drawn = torch.full((len(condition), *reading.shape), reading.mask)
        self.at = torch.zeros(len(condition), dtype=torch.int64)

    def step(self, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B V"]:
        places = torch.arange(len(tokens))
        begun = self.at > 0
        self.drawn[places[begun], self.at[begun] - 1] = tokens[begun]
        logits = self.reading.unmask(self.drawn, self.condition)
        logits = logits[places, self.at.clamp(max=self.reading.shape[0] - 1)]
        self.at = self.at + 1
        return logits

    def restart(self, rows: Bool[Tensor, " B"], condition: Condition) -> None:
        self.drawn[rows], self.at = self.reading.mask, torch.where(rows, 0, self.at)
        labels = torch.where(rows[:, None], condition.labels, self.condition.labels)
        self.condition = replace(self.condition, labels=labels)


@final
@dataclass(frozen=True, kw_only=True)
class Linear:
    """A decoder that multiplies latents by a matrix, and moves what comes of that to where it is asked for.

    shifts: by how much, for each label; None where nothing can be asked
    """

    matrix: Float[Tensor, "Z D"]
    shifts: Float[Tensor, "K D"] | None = None

    @property
    def latent(self) -> tuple[int, ...]:
        """The shape of a latent."""
        return (len(self.matrix),)

    def decode(self, z: Float[Tensor, "B Z"], condition: Condition) -> Float[Tensor, "B D"]:
        """Return the sample of a latent."""
        if self.shifts is None or not condition.labels.shape[1]:
            return z @ self.matrix
        asked = condition.labels[:, 0]
        return z @ self.matrix + torch.where(asked[:, None] < 0, 0.0, self.shifts[asked])


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
