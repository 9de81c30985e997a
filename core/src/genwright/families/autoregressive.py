"""One token after another: log p(x) = sum of log p(x_t given those before)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from genwright.family import Batch, Family, Phase
from genwright.kernels.cross_entropy.spec import cross_entropy
from genwright.readings import Condition, NextToken, Stream
from genwright.seeds import Noise
from genwright.space import ConditionSpace, Tokens

__all__ = ["Autoregressive", "Causal"]


class Causal(Protocol):
    """A backbone in the role "causal"."""

    @property
    def start(self) -> int:
        """The token that begins every row; it is not in the vocabulary."""

    def __call__(self, tokens: Int64[Tensor, "B T"], condition: Condition) -> Float[Tensor, "B T V"]:
        """Return the logits that follow each token."""

    def open(self, condition: Condition) -> Stream:
        """Return a stream of as many rows as the condition has."""


@final
class Autoregressive(Family):
    """Learns to predict each token from those before it. The likelihood is exact."""

    def __init__(self, *, space: Tokens, conditions: ConditionSpace, build: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.space = space
        self.network = build("network", space=space, conditions=conditions)

    def phases(self) -> Sequence[Phase]:
        """Return the one loss: nats per position, of which those after the stop token cost nothing."""
        return (Phase(name="loss", loss=self._loss, parameters=tuple(self.parameters())),)

    def reading(self) -> NextToken:
        """Return the model as what follows what."""
        return _Reading(self.network.eval(), self.space)

    def log_likelihood(
        self, x: Int64[Tensor, " B *shape"], condition: Condition, noise: Noise | None = None
    ) -> Float[Tensor, " B"]:
        """Return log p(x) of each row, in nats, exact."""
        return -(self._token_losses(x, condition)).sum(1)

    def _loss(self, batch: Batch) -> Tensor:
        # Not the mean over a batch's tokens: batches gather items of like length, so tokens of short items would weigh
        # more, and the model would draw too many short ones.
        return self._token_losses(batch.x, batch.condition).sum() / (len(batch.x) * self.space.size)

    def _token_losses(self, x: Tensor, condition: Condition) -> Float[Tensor, "B T"]:
        tokens = x.flatten(1)
        counted = _counted(tokens, self.space.stop)
        tokens, counted = _trimmed(tokens, counted)
        given = F.pad(tokens[:, :-1], (1, 0), value=self.space.vocab_size)
        logits = self.network(given, condition)
        return cross_entropy(logits.flatten(0, 1), tokens.flatten()).view_as(tokens) * counted


@dataclass(frozen=True)
class _Reading:
    network: nn.Module
    space: Tokens

    @property
    def start(self) -> int:
        return self.space.vocab_size

    @property
    def stop(self) -> int | None:
        return self.space.stop

    @property
    def length(self) -> int:
        return self.space.size

    @torch.inference_mode()
    def open(self, condition: Condition) -> Stream:
        return self.network.open(condition)  # type: ignore[operator,no-any-return]


def _counted(tokens: Int64[Tensor, "B T"], stop: int | None) -> Tensor:
    """Return which positions belong to the sequence: all up to and including the first stop."""
    if stop is None:
        return torch.ones_like(tokens, dtype=torch.bool)
    stopped = (tokens == stop).cumsum(1)
    return (stopped == 0) | ((stopped == 1) & (tokens == stop))


def _trimmed(tokens: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
    """Return both without the positions at the end that no row of the batch uses."""
    longest = int(counted.any(0).sum())
    return tokens[:, :longest], counted[:, :longest]
