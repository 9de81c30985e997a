"""Diffusion: removing Gaussian noise of any level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, final

from jaxtyping import Float
from torch import Tensor, nn

from genwright.families.denoising import Denoising
from genwright.families.preconditioning import Preconditioning, check_levels
from genwright.seeds import Noise
from genwright.space import ConditionSpace, Continuous

__all__ = ["Diffusion"]


@final
class Diffusion(Denoising):
    """Learns to remove noise of levels whose logarithms are normal.

    prediction:      what the network gives: "edm", "v" or "epsilon", which `Preconditioning` explains
    sigma_data:      the deviation of the data; 1 where an encoder gives unit deviation
    level_mean:      the mean of the logarithm of the level of noise in training
    level_deviation: its deviation

    Source: Karras et al. (2022), arXiv:2206.00364.
    """

    def __init__(
        self,
        *,
        space: Continuous,
        conditions: ConditionSpace,
        build: Callable[..., nn.Module],
        prediction: Literal["edm", "v", "epsilon"] = "edm",
        sigma_data: float = 0.5,
        level_mean: float = -1.2,
        level_deviation: float = 1.2,
    ) -> None:
        preconditioning = Preconditioning(prediction=prediction, sigma_data=sigma_data)
        super().__init__(space=space, conditions=conditions, build=build, preconditioning=preconditioning)
        check_levels(level_mean, level_deviation)
        self.level_mean, self.level_deviation = level_mean, level_deviation

    def log_levels(self, noise: Noise) -> Float[Tensor, " B"]:
        """Return normal numbers of the chosen mean and deviation."""
        return self.level_mean + self.level_deviation * noise.normal("level", 0, 1)[:, 0]
