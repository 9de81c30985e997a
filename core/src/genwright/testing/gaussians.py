"""Distributions of which everything is known: density, score, best denoiser, and where each point flows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from genwright.readings import Condition
from genwright.seeds import Noise
from genwright.testing.readings import agreement

__all__ = ["AtOnce", "Gaussian", "Mixture", "eight_gaussians", "two_moons"]


@final
@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """A normal distribution of vectors, read as a denoiser."""

    mean: Float[Tensor, " D"]
    covariance: Float[Tensor, "D D"]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.mean.shape)

    def denoise(
        self, x: Float[Tensor, "B D"], sigma: Float[Tensor, " B"], condition: Condition
    ) -> Float[Tensor, "B D"]:
        """Return mean + C (C + sigma^2)^-1 (x - mean), where C is the covariance."""
        variances, axes = self._axes(x)
        return self.mean + ((x - self.mean) @ axes * variances / (variances + sigma[:, None] ** 2)) @ axes.mT

    def score(self, x: Float[Tensor, "B D"], sigma: Float[Tensor, " B"]) -> Float[Tensor, "B D"]:
        """Return the gradient of log p of x under noise: -(C + sigma^2)^-1 (x - mean). Without noise, sigma is 0."""
        variances, axes = self._axes(x)
        return -((x - self.mean) @ axes / (variances + sigma[:, None] ** 2)) @ axes.mT

    def moved(self, x: Float[Tensor, "B D"], sigma: float, to: float) -> Float[Tensor, "B D"]:
        """Return where the flow takes points from one level of noise to another."""
        variances, axes = self._axes(x)
        return self.mean + ((x - self.mean) @ axes * ((variances + to**2) / (variances + sigma**2)).sqrt()) @ axes.mT

    def log_density(self, x: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
        """Return log p(x) in nats."""
        variances, axes = self._axes(x)
        z = (x - self.mean) @ axes
        return -0.5 * (z.square() / variances + (2 * math.pi * variances).log()).sum(1)

    def drawn(self, noise: Noise) -> Float[Tensor, "B D"]:
        """Return one sample a row of noise."""
        z = noise.normal("gaussian", 0, len(self.mean)).to(self.mean.dtype)
        factor: Tensor = torch.linalg.cholesky(self.covariance)
        return self.mean + z @ factor.mT

    def _axes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        variances, axes = torch.linalg.eigh(self.covariance)
        return variances.to(x.dtype), axes.to(x.dtype)


@final
@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Normal distributions of one deviation in every direction, equally likely, read as a denoiser.

    Each can be asked for: the first label of a condition is its number.
    """

    means: Float[Tensor, "K D"]
    deviation: float

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.means.shape[1:])

    def denoise(
        self, x: Float[Tensor, "B D"], sigma: Float[Tensor, " B"], condition: Condition
    ) -> Float[Tensor, "B D"]:
        """Return the expected clean sample: of each part, weighed by how likely x is of it."""
        variance = self.deviation**2
        noisy = (variance + sigma**2)[:, None, None]
        means = self.means.to(x.dtype)
        parts = means + variance / noisy * (x[:, None] - means)
        return (self.likely(x, sigma, condition)[..., None].softmax(1) * parts).sum(1)

    def likely(self, x: Float[Tensor, "B D"], sigma: Float[Tensor, " B"], condition: Condition) -> Float[Tensor, "B K"]:
        """Return the logits of which part noisy x is of, given what is asked for."""
        noisy = (self.deviation**2 + sigma**2)[:, None]
        distances = (x[:, None] - self.means.to(x.dtype)).square().sum(-1)
        return -0.5 * distances / noisy + agreement(torch.arange(len(self.means)), condition).log().to(x.dtype)

    def log_density(self, x: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
        """Return log p(x) in nats."""
        size, variance = self.means.shape[1], self.deviation**2
        parts = -0.5 * (x[:, None] - self.means.to(x.dtype)).square().sum(-1) / variance
        return parts.logsumexp(1) - math.log(len(self.means)) - 0.5 * size * math.log(2 * math.pi * variance)

    def drawn(self, noise: Noise) -> Float[Tensor, "B D"]:
        """Return one sample a row of noise."""
        which = (noise.uniform("part", 0, 1)[:, 0] * len(self.means)).long()
        return self.means[which] + self.deviation * noise.normal("gaussian", 0, self.means.shape[1])


@final
@dataclass(frozen=True, kw_only=True)
class AtOnce:
    """The same, read as a model that was trained to give a whole sample in one call."""

    inner: Mixture

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.inner.shape

    def denoise(
        self, x: Float[Tensor, "B D"], sigma: Float[Tensor, " B"], condition: Condition
    ) -> Float[Tensor, "B D"]:
        """Return where the flow of the part that x is likeliest of would take it, were there no other part."""
        mean = self.inner.means.to(x.dtype)[self.inner.likely(x, sigma, condition).argmax(1)]
        return mean + (self.inner.deviation / (self.inner.deviation**2 + sigma**2).sqrt())[:, None] * (x - mean)


def eight_gaussians(*, deviation: float = 0.05) -> Mixture:
    """Return eight small Gaussians around a circle, of unit variance altogether."""
    angle = torch.arange(8) * (math.pi / 4)
    radius = math.sqrt(2 * (1 - deviation**2))
    return Mixture(means=radius * torch.stack((angle.cos(), angle.sin()), 1), deviation=deviation)


def two_moons(*, deviation: float = 0.1, parts: int = 64) -> Mixture:
    """Return two half circles that reach into each other, centred, of a variance of 1 on average over both directions.

    deviation: of what lies off the half circles, whose radius is 1 before all is scaled
    parts:     Gaussians along each, those of the upper first; 64 lie so close that none shows
    """
    angle = (torch.arange(parts) + 0.5) * (math.pi / parts)
    upper = torch.stack((angle.cos(), angle.sin()), 1)
    means = torch.cat((upper, torch.tensor([1.0, 0.5]) - upper))
    means = means - means.mean(0)
    scale = (means.square().mean() + deviation**2).rsqrt()
    return Mixture(means=means * scale, deviation=deviation * float(scale))
