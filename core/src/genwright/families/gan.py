"""A generator that learns from a critic, which learns to tell what is drawn from what is real."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genwright.errors import OptionError
from genwright.families.contests import Contest, NonSaturating, Relativistic
from genwright.families.vae import latent_shape
from genwright.family import Batch, Family, Phase
from genwright.readings import Condition, Decoder
from genwright.space import ConditionSpace, Continuous

__all__ = ["GAN"]


@final
class GAN(Family):
    """Learns to draw, and nothing of how likely anything is: there is no likelihood.

    "relativistic" compares each real example with one that is drawn, and holds the critic's slope down at both (R1 and
    R2), which makes training converge near its goal. "non-saturating" is the classical loss, with R1 alone; for a
    penalty of 0 it needs a critic whose slope is bounded, such as one with spectral norm. A penalty takes the gradient
    of a gradient, which compiled networks do not give: a recipe with one has compile = false.

    latent:  the shape of a latent: a width, or channels, rows and columns
    loss:    how the two networks are set against each other
    penalty: the weight of the squared slope of the critic, 0 for none
    sloped:  the share of a batch at which the slope is taken; a quarter makes a step a third faster

    Sources: as of the losses; Mescheder, Geiger and Nowozin (2018), arXiv:1801.04406 (R1 and R2); Huang et al. (2024),
    arXiv:2501.05441 (R3GAN, which joins R1 and R2 with the relativistic loss).
    """

    def __init__(
        self,
        *,
        space: Continuous,
        conditions: ConditionSpace,
        build: Callable[..., nn.Module],
        latent: int | tuple[int, ...] = 64,
        loss: Literal["relativistic", "non-saturating"] = "relativistic",
        penalty: float = 1.0,
        sloped: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0 <= penalty < math.inf:
            raise OptionError(f"a GAN's penalty is 0 or more; got {penalty}. Try penalty=1.")
        if not 0 < sloped <= 1:
            raise OptionError(f"sloped is a share above 0, up to 1; got {sloped}. For no slope at all: penalty=0.")
        self.space, self.penalty, self.sloped, self.contest = space, penalty, sloped, _CONTESTS[loss]
        self.latent = latent_shape(latent)
        self.generator = build("generator", space=space, conditions=conditions, latent=self.latent)
        self.critic = build("critic", space=space, conditions=conditions)

    def phases(self) -> Sequence[Phase]:
        """Return the generator's loss, then the critic's, each in nats."""
        # Momentum of the first order would follow an opponent that has moved on.
        betas = (0.0, 0.99)
        drawing, judging = tuple(self.generator.parameters()), tuple(self.critic.parameters())
        return (
            Phase(name="generator", loss=self._drawing, parameters=drawing, betas=betas),
            Phase(name="critic", loss=self._judging, parameters=judging, betas=betas, twice=self.penalty > 0),
        )

    def reading(self) -> Decoder:
        """Return the generator as what latents stand for."""
        return _Reading(self.generator.eval(), self.latent)

    def _drawing(self, batch: Batch) -> Tensor:
        @torch.no_grad()
        def real() -> Tensor:
            return self.critic(batch.x, batch.condition).float()  # type: ignore[no-any-return]

        fake = self.critic(self._drawn(batch, 0), batch.condition).float()
        return self.contest.drawing(fake, real).mean()

    def _judging(self, batch: Batch) -> Tensor:
        with torch.no_grad():
            drawn = self._drawn(batch, 1)
        real, real_slope = self._judged(batch.x, batch.condition, sloped=True)
        fake, fake_slope = self._judged(drawn, batch.condition, sloped=self.contest.slopes_at_drawn)
        return self.contest.judging(fake, real).mean() + 0.5 * self.penalty * (real_slope + fake_slope)

    def _drawn(self, batch: Batch, step: int) -> Tensor:
        """Return an example from the generator for each row."""
        z = batch.noise.normal("latent", step, math.prod(self.latent)).view(-1, *self.latent)
        return self.generator(z, batch.condition)  # type: ignore[no-any-return]

    def _judged(self, x: Tensor, condition: Condition, *, sloped: bool) -> tuple[Float[Tensor, " B"], Tensor]:
        """Return what the critic says of each row, and the mean square of its slope if that is asked for."""
        count = math.ceil(self.sloped * len(x)) if sloped and self.penalty else 0
        if not count:
            return self.critic(x, condition).float(), x.new_zeros(())
        first, slope = self._sloping(x[:count], condition[:count])
        rest = self.critic(x[count:], condition[count:]).float() if count < len(x) else first[:0]
        return torch.cat((first, rest)), slope

    def _sloping(self, x: Tensor, condition: Condition) -> tuple[Float[Tensor, " B"], Float[Tensor, ""]]:
        # The slope is wanted also where a loss is only looked at, without gradients.
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            verdict = self.critic(x, condition).float()
            (slope,) = torch.autograd.grad(verdict.sum(), x, create_graph=True)
        return verdict, slope.float().square().flatten(1).sum(1).mean()


_CONTESTS: Mapping[str, Contest] = {"relativistic": Relativistic(), "non-saturating": NonSaturating()}


@dataclass(frozen=True)
class _Reading:
    generator: nn.Module
    latent: tuple[int, ...]

    @torch.inference_mode()
    def decode(self, z: Float[Tensor, " B *latent"], condition: Condition) -> Float[Tensor, " B *shape"]:
        return self.generator(z, condition)  # type: ignore[no-any-return]
