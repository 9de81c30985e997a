"""A student of a diffusion or flow model that gives a sample in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genwright.errors import OptionError, RecipeError
from genwright.families.preconditioning import Preconditioned, Preconditioning, Prediction, check_levels
from genwright.family import Batch, Family, Phase
from genwright.options import checked, describe
from genwright.readings import Denoiser
from genwright.recipe import Recipe
from genwright.rows import each_row
from genwright.space import ConditionSpace, Continuous

__all__ = ["Consistency"]

# The error, per element, below which the loss is square; above it is linear.
_BEND = 0.00054
_MOST_STAGES = 16


@final
class Consistency(Family):
    """Learns to give the same sample from anywhere on a path from noise to it (easy consistency tuning).

    What it gives at one level of noise is drawn to what it gives at a lower one, of the same sample and noise. At first
    the lower level is mostly 0, which makes it a denoiser; it comes nearer by half in each stage of the training. A
    recipe starts it with the weights of a diffusion or flow model, its teacher, and trains it in float32: the levels
    come so near to each other that in bfloat16 rounding would be all that differs.

    prediction:      as the teacher's; "flow" for a flow model
    sigma_data:      as the teacher's
    stages:          how often the levels come nearer to each other
    level_mean:      the mean of the logarithm of the level of noise in training
    level_deviation: its deviation

    Sources: Geng et al. (2024), arXiv:2406.14548; Song and Dhariwal (2023), arXiv:2310.14189, for the loss.
    """

    def __init__(
        self,
        *,
        space: Continuous,
        conditions: ConditionSpace,
        build: Callable[..., nn.Module],
        prediction: Prediction = "edm",
        sigma_data: float = 0.5,
        stages: int = 8,
        level_mean: float = -1.1,
        level_deviation: float = 2.0,
    ) -> None:
        super().__init__()
        if not 1 <= stages <= _MOST_STAGES:
            raise OptionError(
                f"a consistency model is trained in 1 to {_MOST_STAGES} stages, after which float32 cannot tell its "
                f"levels apart; got {stages}. Try stages=8."
            )
        check_levels(level_mean, level_deviation)
        self.space, self.stages = space, stages
        self.level_mean, self.level_deviation = level_mean, level_deviation
        self.preconditioning = Preconditioning(prediction=prediction, sigma_data=sigma_data)
        self.network = build("network", space=space, conditions=conditions)

    @classmethod
    def check_recipe(cls, recipe: Recipe, teacher: Family | None) -> None:
        """Raise RecipeError for no teacher, for one that is read otherwise, and for another precision than float32."""
        theirs = getattr(teacher, "preconditioning", None)
        if not isinstance(theirs, Preconditioning):
            found = "no start" if teacher is None else f"a start of family {type(teacher).__name__.lower()!r}"
            raise RecipeError(
                "a consistency model starts with the weights of a diffusion or flow model, its teacher; this recipe "
                f"has {found}. Write start with the name of such a model."
            )
        _check_agreement(_preconditioning(recipe.family.options), theirs)
        if recipe.precision != "float32":
            raise RecipeError(
                "a consistency model is trained in float32, since in bfloat16 rounding would be all that it learns; "
                f"this recipe has precision={recipe.precision!r}, which {_MEANING[recipe.precision]} bfloat16. "
                "Write precision = 'float32'."
            )

    def phases(self) -> Sequence[Phase]:
        """Return the one loss: how fast what is given changes with the level of noise, per element."""
        return (Phase(name="loss", loss=self._loss, parameters=tuple(self.parameters())),)

    def reading(self) -> Denoiser:
        """Return the model as what it takes for the clean sample, which is a whole one and not the expected one."""
        return Preconditioned(self.network.eval(), self.preconditioning, self.space.shape)

    def lower(self, sigma: Float[Tensor, " B"], progress: float) -> Float[Tensor, " B"]:
        """Return the lower level that goes with each level at this share of the training."""
        stage = min(int(self.stages * progress), self.stages - 1)
        # The less noise, the farther: there the path bends most.
        gap = 0.5 ** (stage + 1) * (1 + 8 * torch.sigmoid(-sigma))
        return sigma * (1 - gap).clamp(min=0)

    def _loss(self, batch: Batch) -> Tensor:
        normal = batch.noise.normal("level", 0, 1)[:, 0]
        sigma = (self.level_mean + self.level_deviation * normal).exp()
        lower = self.lower(sigma, batch.progress)
        found = self._given(batch, sigma)
        with torch.no_grad():
            # At no noise a sample is what it is; the network cannot be asked there.
            at = each_row(lower, batch.x)
            wanted = torch.where(at > 0, self._given(batch, torch.where(lower > 0, lower, sigma)), batch.x)
        error = (found - wanted).square().flatten(1).mean(1)
        speed: Tensor = ((error + _BEND**2).sqrt() - _BEND) / (sigma - lower)
        return speed.mean()

    def _given(self, batch: Batch, sigma: Tensor) -> Tensor:
        noise = batch.noise.normal("noise", 0, batch.x[0].numel()).view_as(batch.x)
        noisy = batch.x + each_row(sigma, batch.x) * noise
        return self.preconditioning.denoise(self.network, noisy, sigma, batch.condition)


_MEANING = {"auto": "may stand for", "bfloat16": "is"}


def _preconditioning(options: Mapping[str, Any]) -> Preconditioning:
    """Return what a consistency model of these options makes of its network."""
    given = {option.name: option.default for option in describe(Consistency)}
    given |= checked("family 'consistency'", Consistency, options)
    return Preconditioning(prediction=given["prediction"], sigma_data=given["sigma_data"])


def _check_agreement(own: Preconditioning, theirs: Preconditioning) -> None:
    # What a flow gives knows nothing of the deviation of the data.
    names = ("prediction",) if theirs.prediction == "flow" else ("prediction", "sigma_data")
    for name in names:
        wanted, came = getattr(theirs, name), getattr(own, name)
        if came != wanted:
            raise RecipeError(
                f"a consistency model has its teacher's {name}, {wanted!r}, or its weights would mean something else; "
                f"this recipe's has {came!r}. Write {name} = {wanted!r} in the recipe's family."
            )
