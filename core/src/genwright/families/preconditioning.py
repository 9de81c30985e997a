"""How a network makes a denoiser."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genwright.errors import OptionError
from genwright.family import Batch
from genwright.readings import Condition
from genwright.rows import each_row

__all__ = ["Preconditioned", "Preconditioning", "Prediction", "check_levels"]

Prediction = Literal["edm", "v", "epsilon", "flow"]

# Of the logarithm of a level: beyond, levels or their squares are infinite in float32.
_FARTHEST = 40.0


def check_levels(mean: float, deviation: float) -> None:
    """Raise OptionError unless levels with a normal logarithm of this mean and deviation can be computed with."""
    if not (0 < deviation < math.inf and abs(mean) + 6 * deviation <= _FARTHEST):
        raise OptionError(
            "levels of noise have a logarithm of deviation above 0, and of which all lie within "
            f"{_FARTHEST:g} of 0; got a mean of {mean} and a deviation of {deviation}. The usual are -1.2 and 1.2."
        )


@final
@dataclass(frozen=True, kw_only=True)
class Preconditioning:
    """Makes a denoiser of a network F: D(x; sigma) = skip x + out F(inward x, log(sigma) / 4).

    The scales keep what F is given, and what it is to give, near unit deviation. The loss is the plain square of what F
    gets wrong, which weighs the square of what D gets wrong by 1 / out^2.

    prediction: what F gives. "epsilon": the noise. "v": the noise less the sample at unit deviation, in shares whose
                squares add to 1. "edm": the same with the other sign. "flow": the noise less the sample
    sigma_data: the deviation of the data, of which "flow" knows nothing

    Sources: Karras et al. (2022), arXiv:2206.00364, table 1 (edm); Salimans and Ho (2022), arXiv:2202.00512 (v); Ho,
    Jain and Abbeel (2020), arXiv:2006.11239 (epsilon); Lipman et al. (2022), arXiv:2210.02747 and Liu, Gong and Liu
    (2022), arXiv:2209.03003 (flow).
    """

    prediction: Prediction = "edm"
    sigma_data: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.sigma_data < math.inf:
            raise OptionError(f"sigma_data is the deviation of the data, above 0; got {self.sigma_data}. Measure it.")

    def scales(self, sigma: Float[Tensor, " B"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return skip, out and inward for levels of noise."""
        if self.prediction == "flow":
            share = 1 / (1 + sigma)
            return share, -sigma * share, share
        deviation = (sigma**2 + self.sigma_data**2).sqrt()
        if self.prediction == "epsilon":
            return torch.ones_like(sigma), -sigma, 1 / deviation
        out = sigma * self.sigma_data / deviation
        return (self.sigma_data / deviation) ** 2, out if self.prediction == "edm" else -out, 1 / deviation

    def denoise(
        self, network: nn.Module, x: Float[Tensor, " B *shape"], sigma: Float[Tensor, " B"], condition: Condition
    ) -> Float[Tensor, " B *shape"]:
        """Return the expected clean sample, where x is the clean sample plus sigma times unit noise."""
        skip, out, inward = self._shaped(sigma, x)
        predicted: Tensor = network(inward * x, _level(sigma, x), condition)
        return skip * x + out * predicted.to(x.dtype)

    def loss(self, network: nn.Module, batch: Batch, sigma: Float[Tensor, " B"]) -> Float[Tensor, ""]:
        """Return the mean square of what the network gets wrong, at one level of noise an example."""
        x, noise = batch.x, batch.noise.normal("noise", 0, batch.x[0].numel()).view_as(batch.x)
        skip, out, inward = self._shaped(sigma, x)
        level = each_row(sigma.to(x.dtype), x)
        predicted: Tensor = network(inward * (x + level * noise), _level(sigma, x), batch.condition)
        return (predicted.to(x.dtype) - ((1 - skip) * x - skip * level * noise) / out).square().mean()

    def _shaped(self, sigma: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(each_row(scale.to(x.dtype), x) for scale in self.scales(sigma.double()))


@final
@dataclass(frozen=True)
class Preconditioned:
    """A network read as a denoiser of samples of a shape."""

    network: nn.Module
    preconditioning: Preconditioning
    shape: tuple[int, ...]

    @torch.inference_mode()
    def denoise(
        self, x: Float[Tensor, " B *shape"], sigma: Float[Tensor, " B"], condition: Condition
    ) -> Float[Tensor, " B *shape"]:
        """Return the expected clean sample, where x is the clean sample plus sigma times unit noise."""
        return self.preconditioning.denoise(self.network, x, sigma, condition)


def _level(sigma: Tensor, x: Tensor) -> Tensor:
    """Return the level of noise as networks are given it: alike for all predictions, so that one can start another."""
    return (sigma.double().log() / 4).to(x.dtype)
