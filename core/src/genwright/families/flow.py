"""Flow matching: the velocity of a straight path from data to noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, final

from jaxtyping import Float
from torch import Tensor, nn

from genwright.families.denoising import Denoising
from genwright.families.preconditioning import Preconditioning
from genwright.seeds import Noise
from genwright.space import ConditionSpace, Continuous

__all__ = ["Flow"]


@final
class Flow(Denoising):
    """Learns how noise and sample differ, expected along the line x_t = (1 - t) x + t noise between them.

    In units of the sample, x_t has noise of the level sigma = t / (1 - t). So the velocity is read as a denoiser, by
    exact conversion, and times with a normal logit are levels with a normal logarithm.

    time: how t is drawn in training: "logit-normal", mostly half way, or "uniform"

    Sources: Lipman et al. (2022), arXiv:2210.02747; Liu, Gong and Liu (2022), arXiv:2209.03003 (rectified flow); Esser
    et al. (2024), arXiv:2403.03206 (logit-normal times).
    """

    def __init__(
        self,
        *,
        space: Continuous,
        conditions: ConditionSpace,
        build: Callable[..., nn.Module],
        time: Literal["logit-normal", "uniform"] = "logit-normal",
    ) -> None:
        preconditioning = Preconditioning(prediction="flow")
        super().__init__(space=space, conditions=conditions, build=build, preconditioning=preconditioning)
        self.time = time

    def log_levels(self, noise: Noise) -> Float[Tensor, " B"]:
        """Return the logits of the times."""
        if self.time == "uniform":
            return noise.uniform("level", 0, 1)[:, 0].logit()
        return noise.normal("level", 0, 1)[:, 0]
