"""Masked discrete diffusion: tokens are hidden at random, and learned from those that are left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from genwright.errors import OptionError
from genwright.family import Batch, Family, Phase
from genwright.kernels.cross_entropy.spec import cross_entropy
from genwright.readings import Condition, Unmasker
from genwright.seeds import Noise
from genwright.space import ConditionSpace, Tokens

__all__ = ["Masked"]


@final
class Masked(Family):
    """Learns what each hidden token is, given those that are not. The likelihood is a bound.

    The bound is the mean over the number k of hidden tokens, uniform from 1 to all N, and over which they are, of N / k
    times the log-probability of those hidden. It is that of absorbing diffusion in continuous time, whatever its
    schedule, with the time integrated out, which leaves less variance: at time t each token is hidden with probability
    t and weighted by 1 / t, and the integral of t^(k - 1) (1 - t)^(N - k) over t is one over k times the number of
    choices of k. Where the network's answers are the exact conditionals of some distribution, the bound is tight.

    draws: how many numbers of hidden tokens a likelihood is the mean over, spread evenly from 1 to all

    Sources: Sahoo et al. (2024), arXiv:2406.07524 (MDLM); Shi et al. (2024), arXiv:2406.04329 (MD4); Hoogeboom et al.
    (2021), arXiv:2110.02037, and Ou et al. (2024), arXiv:2406.03736 (the form without time).
    """

    def __init__(
        self, *, space: Tokens, conditions: ConditionSpace, build: Callable[..., nn.Module], draws: int = 32
    ) -> None:
        super().__init__()
        if draws < 1:
            raise OptionError(f"a masked model's likelihood takes 1 draw or more; got {draws}. Try draws=32.")
        self.space, self.draws = space, draws
        self.network = build("network", space=space, conditions=conditions)

    def phases(self) -> Sequence[Phase]:
        """Return the one loss: the negative bound in nats per position, estimated by one draw a row."""
        return (Phase(name="loss", loss=self._loss, parameters=tuple(self.parameters())),)

    def reading(self) -> Unmasker:
        """Return the model as what fills the hidden positions."""
        return _Reading(self.network.eval(), self.space)

    @torch.no_grad()
    def log_likelihood(self, x: Int64[Tensor, " B *shape"], condition: Condition, noise: Noise) -> Float[Tensor, " B"]:
        """Return an unbiased estimate of a bound below log p(x) of each row, in nats.

        What follows a stop token counts too, so where there is one the bound is of the item with its filling.
        """
        estimates = [
            self.bound(x, _hidden(noise, self.space.size, j, self.draws), condition) for j in range(self.draws)
        ]
        return torch.stack(estimates).mean(0)

    def bound(
        self, x: Int64[Tensor, " B *shape"], hidden: Bool[Tensor, "B N"], condition: Condition
    ) -> Float[Tensor, " B"]:
        """Return what one choice of hidden positions, at least one a row, says of the bound of each row, in nats."""
        tokens = x.flatten(1)
        logits = self.network(tokens.masked_fill(hidden, self.space.vocab_size).view_as(x), condition)
        losses = cross_entropy(logits.flatten(0, -2), tokens.flatten()).view_as(tokens)
        return -(losses * hidden).sum(1) * (self.space.size / hidden.sum(1))

    def _loss(self, batch: Batch) -> Tensor:
        hidden = _hidden(batch.noise, self.space.size, 0, 1)
        return -self.bound(batch.x, hidden, batch.condition).mean() / self.space.size


def _hidden(noise: Noise, size: int, stratum: int, strata: int) -> Bool[Tensor, "B N"]:
    """Return which positions are hidden: as many as a draw from this part of [0, 1] says, any choice equally likely."""
    share = (stratum + noise.uniform("share", stratum, 1)) / strata
    # Rounding may take a share up to 1, never above.
    count = (share * size).ceil().clamp(max=size)
    rank = noise.uniform("hidden", stratum, size).argsort(dim=1, stable=True).argsort(dim=1)
    return rank < count


@dataclass(frozen=True)
class _Reading:
    network: nn.Module
    space: Tokens

    @property
    def shape(self) -> tuple[int, ...]:
        return self.space.shape

    @property
    def mask(self) -> int:
        return self.space.vocab_size

    @torch.inference_mode()
    def unmask(self, x: Int64[Tensor, " B *shape"], condition: Condition) -> Float[Tensor, " B *shape V"]:
        return self.network(x, condition)  # type: ignore[no-any-return]
