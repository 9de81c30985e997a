"""Small convolutional networks between samples and latents, without normalisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from genwright.backbones.conditioning import Conditioning
from genwright.backbones.places import CONVOLUTIONS, laid_out
from genwright.errors import MismatchError, OptionError
from genwright.readings import Condition
from genwright.space import ConditionSpace, SampleSpace, Tokens
from genwright.specs import Role

__all__ = ["Critic", "Generator", "Posterior", "conv"]

_SLOPE = 0.2


def conv(
    *,
    space: SampleSpace,
    conditions: ConditionSpace,
    role: Role,
    latent: tuple[int, ...] = (),
    width: int = 32,
    multipliers: tuple[int, ...] = (1, 2, 4),
    blocks: int = 1,
    spectral: bool = False,
) -> Generator | Posterior | Critic:
    """Return a generator, posterior or critic of samples of shape (C, L), (C, Y, X) or, of tokens, (L,) or (Y, X).

    Each level has half the places of the one before, rounded up, so that any size works. There is no normalisation:
    the last convolution of each residual block begins at zero.

    latent:      (Z,), or (Z, *places) where the places are those of one of the levels, which is then the last
    width:       channels of the level with all places, before multipliers
    multipliers: channels of each level, in widths
    blocks:      residual blocks of each level
    spectral:    whether the critic's weights are divided by their largest singular values

    Raises MismatchError for a space or latent of another shape, OptionError for sizes below 1 or too many levels.

    Sources: Huang et al. (2024), arXiv:2501.05441 (R3GAN); Zhang, Dauphin and Ma (2019), arXiv:1901.09321 (fix-up);
    Miyato et al. (2018), arXiv:1802.05957 (spectral norm); Miyato and Koyama (2018), arXiv:1802.05637 (projection).
    """
    _check_sizes(width, blocks, multipliers)
    sizes = _halved(laid_out(space, backbone="conv"), len(multipliers))
    if role != "critic":
        sizes = sizes[: _last(latent, sizes) + 1]
    channels = [width * multiplier for multiplier in multipliers[: len(sizes)]]
    plan = Plan(sizes=sizes, channels=channels, blocks=blocks)
    if role == "generator":
        return Generator(space=space, conditions=conditions, latent=latent, plan=plan)
    if role == "posterior":
        return Posterior(space=space, conditions=conditions, latent=latent, plan=plan)
    return Critic(space=space, conditions=conditions, plan=plan, spectral=spectral)


@final
@dataclass(frozen=True, kw_only=True)
class Plan:
    """The levels of a network, the one with all places first: places and channels of each, residual blocks in each."""

    sizes: Sequence[tuple[int, ...]]
    channels: Sequence[int]
    blocks: int

    @property
    def axes(self) -> int:
        """How many axes of places there are."""
        return len(self.sizes[0])

    @property
    def deepest(self) -> tuple[int, ...]:
        """The shape of one row's activations in the last level."""
        return (self.channels[-1], *self.sizes[-1])

    def convolution(self, inward: int, outward: int, reach: int = 3) -> nn.Module:
        """Return a convolution that keeps places."""
        return CONVOLUTIONS[self.axes](inward, outward, reach, padding=reach // 2)

    def stages(self, *, asked: int) -> nn.ModuleList:
        """Return the residual blocks of each level."""
        count = self.blocks * len(self.sizes)
        return nn.ModuleList(
            nn.ModuleList(Block(self, channels, asked=asked, count=count) for _ in range(self.blocks))
            for channels in self.channels
        )


@final
class Generator(nn.Module):
    """Turns latents into samples, or into the logits of tokens."""

    def __init__(self, *, space: SampleSpace, conditions: ConditionSpace, latent: tuple[int, ...], plan: Plan) -> None:
        super().__init__()
        self.asked = Asked(conditions, width=plan.channels[-1])
        self.deepest, self.sizes, self.is_discrete = plan.deepest, plan.sizes, isinstance(space, Tokens)
        self.inward = (
            plan.convolution(latent[0], plan.channels[-1])
            if len(latent) > 1
            else nn.Linear(latent[0], math.prod(plan.deepest))
        )
        self.stages = plan.stages(asked=self.asked.width)
        self.leave = nn.ModuleList(plan.convolution(below, above, 1) for above, below in pairwise(plan.channels))
        self.outward = plan.convolution(plan.channels[0], _count(space))

    def forward(self, z: Float[Tensor, " B *latent"], condition: Condition) -> Float[Tensor, " B *shape"]:
        """Return the sample of each latent; of tokens, the logits, V last."""
        asked = self.asked(condition)
        x = _near(self.inward(z).view(-1, *self.deepest))
        for level in reversed(range(len(self.sizes))):
            for block in self.stages[level]:  # type: ignore[attr-defined]
                x = block(x, asked)
            if level:
                x = F.interpolate(self.leave[level - 1](x), size=self.sizes[level - 1])
        outward = self.outward(_leaky(x))
        return cast(Tensor, outward.movedim(1, -1) if self.is_discrete else outward)


@final
class Trunk(nn.Module):
    """The way from samples to the activations of the last level."""

    def __init__(self, space: SampleSpace, *, plan: Plan, asked: int) -> None:
        super().__init__()
        channels = plan.channels
        self.inward = (
            nn.Embedding(space.vocab_size, channels[0])
            if isinstance(space, Tokens)
            else plan.convolution(_count(space), channels[0])
        )
        self.stages = plan.stages(asked=asked)
        self.enter = nn.ModuleList(plan.convolution(above, below, 1) for above, below in pairwise(channels))
        self.halve = F.avg_pool1d if plan.axes == 1 else F.avg_pool2d

    def forward(self, x: Shaped[Tensor, " B *shape"], asked: Tensor | None) -> Float[Tensor, "B C *places"]:
        """Return the activations of the last level, all of them used."""
        x = self.inward(x).movedim(-1, 1) if isinstance(self.inward, nn.Embedding) else self.inward(_near(x))
        for level, stage in enumerate(self.stages):
            if level:
                x = self.enter[level - 1](self.halve(x, 2, ceil_mode=True))
            for block in stage:  # type: ignore[attr-defined]
                x = block(x, asked)
        return _leaky(x)


@final
class Posterior(nn.Module):
    """Turns samples into what is known of their latents."""

    def __init__(self, *, space: SampleSpace, conditions: ConditionSpace, latent: tuple[int, ...], plan: Plan) -> None:
        super().__init__()
        self.asked = Asked(conditions, width=plan.channels[-1])
        self.trunk = Trunk(space, plan=plan, asked=self.asked.width)
        self.outward = (
            plan.convolution(plan.channels[-1], latent[0])
            if len(latent) > 1
            else nn.Sequential(nn.Flatten(), nn.Linear(math.prod(plan.deepest), latent[0]))
        )

    def forward(self, x: Shaped[Tensor, " B *shape"], condition: Condition) -> Float[Tensor, " B *latent"]:
        """Return numbers of the latent's shape."""
        return cast(Tensor, self.outward(self.trunk(x, self.asked(condition))))


@final
class Critic(nn.Module):
    """Turns samples into a number each, in part by projecting their features onto what is asked for."""

    def __init__(self, *, space: SampleSpace, conditions: ConditionSpace, plan: Plan, spectral: bool) -> None:
        super().__init__()
        width = 4 * plan.channels[-1]
        self.asked = Asked(conditions, width=width)
        self.trunk = Trunk(space, plan=plan, asked=0)
        self.features = nn.Linear(math.prod(plan.deepest), width)
        self.outward = nn.Linear(width, 1)
        if spectral:
            _bound(self)

    def forward(self, x: Shaped[Tensor, " B *shape"], condition: Condition) -> Float[Tensor, " B"]:
        """Return the number of each sample."""
        features = _leaky(self.features(self.trunk(x, None).flatten(1)))
        number, asked = cast(Tensor, self.outward(features))[:, 0], self.asked(condition)
        return number if asked is None else number + (features * asked).sum(1) * features.shape[1] ** -0.5


@final
class Asked(nn.Module):
    """What is asked for as a vector, or None where nothing can be."""

    def __init__(self, conditions: ConditionSpace, *, width: int) -> None:
        super().__init__()
        self.conditioning = Conditioning(conditions, width=width) if conditions.names else None
        self.width = width if conditions.names else 0

    def forward(self, condition: Condition) -> Float[Tensor, "B D"] | None:
        """Return the vector of each row."""
        return None if self.conditioning is None else cast(Tensor, self.conditioning(condition))


@final
class Block(nn.Module):
    """Two convolutions, what is asked for added between them, all added to the activations."""

    def __init__(self, plan: Plan, channels: int, *, asked: int, count: int) -> None:
        super().__init__()
        self.first, self.second = plan.convolution(channels, channels), plan.convolution(channels, channels)
        self.shift = nn.Linear(asked, channels, bias=False) if asked else None
        with torch.no_grad():
            # So that the sum over all blocks does not move more in the first steps the more of them there are.
            self.first.weight.mul_(count**-0.5)  # type: ignore[operator]
            for parameter in self.second.parameters():
                parameter.zero_()

    def forward(self, x: Float[Tensor, "B C *places"], asked: Tensor | None) -> Float[Tensor, "B C *places"]:
        """Return the activations after this block."""
        hidden = self.first(_leaky(x))
        if self.shift is not None:
            hidden = hidden + self.shift(asked)[(..., *[None] * (x.ndim - 2))]
        return x + cast(Tensor, self.second(_leaky(hidden)))


def _bound(network: nn.Module) -> None:
    """Give every linear and convolutional layer the spectral norm 1."""
    for layer in list(network.modules()):
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            # A matrix of zeros has no direction to be scaled along.
            if not bool(layer.weight.any()):
                layer.reset_parameters()
            spectral_norm(layer)


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


def _near(x: Tensor) -> Tensor:
    """Return images with the channels of a place together, for which convolutions take half the time on a CPU."""
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def _count(space: SampleSpace) -> int:
    return space.vocab_size if isinstance(space, Tokens) else space.shape[0]


def _check_sizes(width: int, blocks: int, multipliers: Sequence[int]) -> None:
    if not multipliers or min(width, blocks, *multipliers) < 1:
        raise OptionError(
            f"width and blocks of conv are 1 or more, as is each of one multiplier or more; "
            f"got width={width}, blocks={blocks}, multipliers={multipliers}. Choose larger ones."
        )


def _halved(places: tuple[int, ...], levels: int) -> list[tuple[int, ...]]:
    if min(places) < 2 ** (levels - 1):
        raise OptionError(
            f"conv with {levels} multipliers halves each axis {levels - 1} times; got {places} places, "
            "of which nothing would be left. Give fewer multipliers."
        )
    return [tuple(-(-size // 2**level) for size in places) for level in range(levels)]


def _last(latent: tuple[int, ...], sizes: Sequence[tuple[int, ...]]) -> int:
    """Return the level in which latents lie."""
    if len(latent) == 1:
        return len(sizes) - 1
    if latent[1:] not in sizes:
        raise MismatchError(
            f"a latent of conv has the shape (Z,), or Z and the places of a level, {', '.join(map(str, sizes))}; "
            f"got {latent}. Choose one of these, or give other multipliers."
        )
    return sizes.index(latent[1:])
