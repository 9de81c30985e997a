"""Points near a plane, and all that a linear model can know of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from genwright.seeds import seeded_torch
from genwright.testing.gaussians import Gaussian

__all__ = ["Plane", "near_a_plane"]


@final
@dataclass(frozen=True, kw_only=True)
class Plane:
    """Points, with what is best of all linear models with so many latents: probabilistic principal components.

    A VAE whose networks are affine can come no closer. It reaches `evidence`, since the posterior of the best model is
    affine too, so that there the bound is the likelihood.

    latents: the directions that the plane has

    Source: Tipping and Bishop (1999), doi:10.1111/1467-9868.00196, equations 4, 7 and 8.
    """

    points: Float[Tensor, "N D"]
    latents: int

    @property
    def directions(self) -> Float[Tensor, "D Z"]:
        """The directions of the plane, at right angles and of length 1, in which the points vary most."""
        return self._axes()[1][:, -self.latents :]

    @property
    def deviation(self) -> float:
        """The deviation of what lies off the plane, in each direction."""
        return float(self._axes()[0][: -self.latents].mean().sqrt())

    @property
    def best(self) -> Gaussian:
        """What the best linear model takes the points for."""
        variances, axes = self._axes()
        kept = torch.cat(
            (variances[: -self.latents].mean().expand(len(axes) - self.latents), variances[-self.latents :])
        )
        return Gaussian(mean=self.points.double().mean(0), covariance=axes * kept @ axes.mT)

    @property
    def evidence(self) -> float:
        """The mean of log p of the points under the best linear model, in nats."""
        return float(self.best.log_density(self.points.double()).mean())

    def projected(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """Return the nearest places in the plane."""
        mean, directions = self.points.mean(0), self.directions.to(x.dtype)
        return mean + (x - mean) @ directions @ directions.mT

    def _axes(self) -> tuple[Tensor, Tensor]:
        """Return the variances of the points along their principal axes, the least first, and these."""
        variances, axes = torch.linalg.eigh(torch.cov(self.points.mT.double(), correction=0))
        return variances, axes


def near_a_plane(*, count: int = 512) -> Plane:
    """Return points near a plane in five dimensions, off the middle."""
    with seeded_torch(5):
        places, noise = torch.randn(count, 2), torch.randn(count, 5)
    directions = torch.tensor([[0.8, 0.0, 0.4, 0.0, -0.3], [0.0, 0.5, 0.0, 0.3, 0.1]])
    return Plane(points=0.2 + places @ directions + 0.15 * noise, latents=2)
