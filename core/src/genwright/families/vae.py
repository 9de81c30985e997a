"""Latents and what they stand for, learned together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genwright.errors import OptionError
from genwright.family import Batch, Family, Phase
from genwright.kernels.cross_entropy.spec import cross_entropy
from genwright.readings import Condition, Decoder
from genwright.seeds import Noise
from genwright.space import ConditionSpace, Continuous, SampleSpace, Tokens

__all__ = ["VAE", "latent_shape", "latent_space"]

# The logarithm of the least deviation that a likelihood can take, below which its density would grow without end where
# data lie on a plane.
_FLOOR = -6.0
# AdamW moves each parameter by about the learning rate a step, whatever its scale. A deviation that is to fall from 1
# to 0.1 would need thousands of steps, and until then latents are of no use.
_PACE = 10.0


@final
class VAE(Family):
    """Learns a likelihood p(x | z) of unit-normal latents z, and a posterior q(z | x) that finds them. Gives a bound.

    Of numbers, the likelihood is a normal with one deviation, learned too, and where the space has a step, of the
    values within half a step; of tokens, the network's probabilities. Samples are the likelihood's mean, or the
    likeliest tokens.

    latent:    the shape of a latent: a width, or channels, rows and columns
    beta:      the weight of the divergence between posterior and prior; 1 for a bound below the likelihood
    free_bits: how many bits each number of a latent may hold at no cost, of each example by itself
    draws:     latents drawn for a likelihood; the more, the tighter the bound

    Sources: Kingma and Welling (2014), arXiv:1312.6114; Higgins et al. (2017) for beta; Kingma et al. (2016),
    arXiv:1606.04934, for free bits, there of the mean of a batch; Rybkin et al. (2020), arXiv:2006.13202, for the
    deviation; Burda et al. (2016), arXiv:1509.00519, for the bound of several draws.
    """

    def __init__(
        self,
        *,
        space: SampleSpace,
        conditions: ConditionSpace,
        build: Callable[..., nn.Module],
        latent: int | tuple[int, ...] = 32,
        beta: float = 1.0,
        free_bits: float = 0.0,
        draws: int = 64,
    ) -> None:
        super().__init__()
        _check_options(beta=beta, free_bits=free_bits, draws=draws)
        self.space, self.beta, self.free, self.draws = space, beta, free_bits * math.log(2), draws
        self.latent = latent_shape(latent)
        # Means and logarithms of variances, one after the other along the first axis.
        both = (2 * self.latent[0], *self.latent[1:])
        self.posterior = build("posterior", space=space, conditions=conditions, latent=both)
        self.likelihood = build("likelihood", space=space, conditions=conditions, latent=self.latent)
        if isinstance(space, Continuous):
            self.spread = nn.Parameter(torch.zeros(()))

    def phases(self) -> Sequence[Phase]:
        """Return the one loss: where beta is 1 and no bits are free, the negative bound in nats per position."""
        return (Phase(name="loss", loss=self._loss, parameters=tuple(self.parameters())),)

    def reading(self) -> Decoder:
        """Return the model as what latents stand for."""
        return _Reading(self.eval())

    @property
    def latents(self) -> Continuous:
        """The space of what `encode` gives."""
        return latent_space(self.latent)

    @property
    def deviation(self) -> Float[Tensor, ""]:
        """The deviation of the likelihood, in the units of the space."""
        log_deviation: Tensor = _FLOOR + F.softplus(_PACE * self.spread - _FLOOR)
        return log_deviation.exp()

    def encode(self, x: Shaped[Tensor, " B *shape"], condition: Condition) -> Float[Tensor, " B *latent"]:
        """Return the mean of each row's posterior."""
        return self._posterior(x, condition)[0]

    def decode(self, z: Float[Tensor, " B *latent"], condition: Condition) -> Shaped[Tensor, " B *shape"]:
        """Return the mean of the likelihood of each latent, or its likeliest tokens."""
        found: Tensor = self.likelihood(z, condition)
        return found.argmax(-1) if isinstance(self.space, Tokens) else found

    @torch.no_grad()
    def log_likelihood(self, x: Shaped[Tensor, " B *shape"], condition: Condition, noise: Noise) -> Float[Tensor, " B"]:
        """Return in nats the logarithm of a mean over draws, whose expectation lies below log p(x) of each row."""
        mean, log_variance = self._posterior(x, condition)
        logs = []
        for draw in range(self.draws):
            unit = _unit(noise, draw, mean)
            z = mean + (0.5 * log_variance).exp() * unit
            # Of p(z) / q(z | x) the constants cancel.
            ratio = 0.5 * (unit.square() + log_variance - z.square()).flatten(1).sum(1)
            logs.append(self._log_p(x, z, condition) + ratio)
        return torch.stack(logs).logsumexp(0) - math.log(self.draws)

    def _loss(self, batch: Batch) -> Tensor:
        mean, log_variance = self._posterior(batch.x, batch.condition)
        z = mean + (0.5 * log_variance).exp() * _unit(batch.noise, 0, mean)
        divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)
        held = divergence.clamp(min=self.free).flatten(1).sum(1)
        return (self.beta * held - self._log_p(batch.x, z, batch.condition)).mean() / self.space.size

    def _posterior(self, x: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        found: Tensor = self.posterior(x, condition).float()
        return found[:, : self.latent[0]], found[:, self.latent[0] :]

    def _log_p(self, x: Tensor, z: Tensor, condition: Condition) -> Float[Tensor, " B"]:
        """Return the logarithm of the likelihood of each row, in nats."""
        found: Tensor = self.likelihood(z, condition).float()
        if isinstance(self.space, Tokens):
            nats = cross_entropy(found.flatten(0, -2), x.flatten())
            return -nats.view(len(x), -1).sum(1)
        distance = (x - found).abs().flatten(1)
        if self.space.step:
            return _log_within(distance, 0.5 * self.space.step, self.deviation).sum(1)
        return _log_density(distance, self.deviation).sum(1)


@dataclass(frozen=True)
class _Reading:
    family: VAE

    @property
    def latent(self) -> tuple[int, ...]:
        return self.family.latent

    @torch.inference_mode()
    def decode(self, z: Float[Tensor, " B *latent"], condition: Condition) -> Shaped[Tensor, " B *shape"]:
        return self.family.decode(z, condition)


def latent_shape(latent: int | tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a latent of this width or shape. Raises OptionError for one without numbers."""
    shape = (latent,) if isinstance(latent, int) else latent
    if not shape or min(shape) < 1:
        raise OptionError(f"latent is a width of 1 or more, or a shape of such; got {latent}. Try latent=32.")
    return shape


def latent_space(shape: tuple[int, ...]) -> Continuous:
    """Return the space of latents of a shape: (Z,), or channels before places."""
    axes = {1: ("Z",), 2: ("C", "X"), 3: ("C", "Y", "X")}
    return Continuous(shape=shape, axes=axes.get(len(shape), tuple(f"Z{n}" for n in range(len(shape)))))


def _unit(noise: Noise, step: int, like: Tensor) -> Tensor:
    return noise.normal("latent", step, like[0].numel()).view_as(like)


def _log_density(distance: Tensor, deviation: Tensor) -> Tensor:
    """Return the logarithm of a normal's density at a distance from its mean."""
    return -0.5 * (distance / deviation).square() - deviation.log() - 0.5 * math.log(2 * math.pi)


def _log_within(distance: Tensor, half: float, deviation: Tensor) -> Tensor:
    """Return the logarithm of the mass that a normal has within `half` of points at a distance from its mean."""
    # In float32 the gradient of log_ndtr is lost beyond 1,000 deviations, where untrained networks are.
    distance, deviation = distance.double(), deviation.double()
    # Both ends on the side where the tail is, so that neither mass is a rounded 1.
    near: Tensor = torch.special.log_ndtr((half - distance) / deviation)
    far: Tensor = torch.special.log_ndtr((-half - distance) / deviation)
    return (near + torch.log(-torch.expm1(far - near))).float()


def _check_options(*, beta: float, free_bits: float, draws: int) -> None:
    if not 0 <= beta < math.inf:
        raise OptionError(f"a VAE's beta is 0 or more; got {beta}. Try beta=1.")
    if not 0 <= free_bits < math.inf:
        raise OptionError(f"a VAE's free_bits are 0 or more; got {free_bits}. Try free_bits=0.1.")
    if draws < 1:
        raise OptionError(f"a VAE's likelihood takes 1 draw or more; got {draws}. Try draws=64.")
