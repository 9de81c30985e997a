"""Fully connected networks, for vectors and for toys."""

from __future__ import annotations

import math
from typing import cast, final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from genwright.backbones.conditioning import Conditioning
from genwright.backbones.level import LevelConditioning
from genwright.errors import OptionError
from genwright.readings import Condition
from genwright.space import ConditionSpace, Continuous
from genwright.specs import Role

__all__ = ["Dense", "DenseCritic", "DenseDenoiser", "dense"]


def dense(
    *,
    space: Continuous,
    conditions: ConditionSpace,
    role: Role,
    latent: tuple[int, ...] = (),
    width: int = 128,
    depth: int = 3,
) -> Dense | DenseCritic | DenseDenoiser:
    """Return a denoiser, generator, posterior or critic that sees a sample of any shape as one vector.

    width: of the hidden layers
    depth: number of residual blocks

    Raises OptionError for sizes below 1.
    """
    if min(width, depth) < 1:
        raise OptionError(
            f"width and depth of dense are 1 or more; got width={width}, depth={depth}. Choose larger ones."
        )
    if role == "denoise":
        return DenseDenoiser(space.shape, conditions, width=width, depth=depth)
    if role == "generator":
        return Dense(latent, space.shape, conditions, width=width, depth=depth)
    if role == "posterior":
        return Dense(space.shape, latent, conditions, width=width, depth=depth)
    return DenseCritic(space.shape, conditions, width=width, depth=depth)


@final
class Dense(nn.Module):
    """Turns a tensor and what is asked for into another tensor: a generator or a posterior."""

    def __init__(
        self,
        inward: tuple[int, ...],
        outward: tuple[int, ...],
        conditions: ConditionSpace,
        *,
        width: int,
        depth: int,
    ) -> None:
        super().__init__()
        self.shape = outward
        self.conditioning = Conditioning(conditions, width=width)
        self.layers = Layers(math.prod(inward), math.prod(outward), width=width, depth=depth)

    def forward(self, x: Float[Tensor, " B *inward"], condition: Condition) -> Float[Tensor, " B *outward"]:
        """Return the tensor of each row."""
        return self.layers(x.flatten(1), self.conditioning(condition)).view(-1, *self.shape)  # type: ignore[no-any-return]


@final
class DenseDenoiser(nn.Module):
    """Turns noisy samples into what the family asks for; a new one gives zeros."""

    def __init__(self, shape: tuple[int, ...], conditions: ConditionSpace, *, width: int, depth: int) -> None:
        super().__init__()
        self.asked = LevelConditioning(conditions, width=width)
        self.layers = Layers(math.prod(shape), math.prod(shape), width=width, depth=depth)
        nn.init.zeros_(self.layers.outward.weight)
        nn.init.zeros_(self.layers.outward.bias)

    def forward(
        self, x: Float[Tensor, " B *shape"], level: Float[Tensor, " B"], condition: Condition
    ) -> Float[Tensor, " B *shape"]:
        """Return what the network makes of noisy samples."""
        return cast(Tensor, self.layers(x.flatten(1), self.asked(level, condition))).view_as(x)


@final
class DenseCritic(nn.Module):
    """Turns samples into a number each. What is asked for enters every block: vectors have no features to project."""

    def __init__(self, shape: tuple[int, ...], conditions: ConditionSpace, *, width: int, depth: int) -> None:
        super().__init__()
        self.conditioning = Conditioning(conditions, width=width)
        self.layers = Layers(math.prod(shape), 1, width=width, depth=depth)

    def forward(self, x: Float[Tensor, " B *shape"], condition: Condition) -> Float[Tensor, " B"]:
        """Return the number of each sample."""
        return self.layers(x.flatten(1), self.conditioning(condition))[:, 0]  # type: ignore[no-any-return]


@final
class Layers(nn.Module):
    """A linear layer, residual blocks that what is asked for shifts, and a linear layer."""

    def __init__(self, inward: int, outward: int, *, width: int, depth: int) -> None:
        super().__init__()
        self.inward, self.outward = nn.Linear(inward, width), nn.Linear(width, outward)
        self.first = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.second = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.shift = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(depth))
        with torch.no_grad():
            for layer in self.second:
                for parameter in layer.parameters():
                    parameter.mul_(depth**-0.5)

    def forward(self, x: Float[Tensor, "B N"], asked: Float[Tensor, "B D"]) -> Float[Tensor, "B M"]:
        """Return the last layer's numbers."""
        x = self.inward(x)
        for first, second, shift in zip(self.first, self.second, self.shift, strict=True):
            x = x + second(F.silu(first(F.silu(x)) + shift(asked)))
        return cast(Tensor, self.outward(F.silu(x)))
