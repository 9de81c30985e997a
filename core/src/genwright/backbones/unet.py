"""A U-Net for signals and images."""

from __future__ import annotations

from typing import cast, final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from genwright.backbones.level import LevelConditioning
from genwright.backbones.places import CONVOLUTIONS
from genwright.errors import MismatchError, OptionError
from genwright.kernels.attention.spec import attention
from genwright.kernels.group_norm_silu.spec import group_norm_silu
from genwright.readings import Condition
from genwright.space import ConditionSpace, Continuous

__all__ = ["UNet"]

_HEAD = 32


@final
class UNet(nn.Module):
    """A U-Net over one or two axes of places: shape (C, L) or (C, Y, X).

    Each level has half the places of the one above, rounded up, so that any size works. The level of noise and what is
    asked for scale and shift the activations of every block.

    width:       channels of the first level, before multipliers
    multipliers: channels of each level, in widths
    blocks:      residual blocks of each level, on the way down as on the way up
    attention:   the levels whose blocks end with self-attention, the first being 0
    groups:      of channels, in each group norm

    Sources: Ho, Jain and Abbeel (2020), arXiv:2006.11239; Perez et al. (2018), arXiv:1709.07871 (scale and shift).
    """

    def __init__(
        self,
        *,
        space: Continuous,
        conditions: ConditionSpace,
        width: int = 64,
        multipliers: tuple[int, ...] = (1, 2, 2),
        blocks: int = 2,
        attention: tuple[int, ...] = (),
        groups: int = 8,
    ) -> None:
        super().__init__()
        _check_space(space, len(multipliers))
        _check_sizes(width=width, multipliers=multipliers, blocks=blocks, attention=attention, groups=groups)
        axes, asked = len(space.shape) - 1, 4 * width
        channels = [width * multiplier for multiplier in multipliers]

        def stage(level: int, count: int, *, joined: int = 1) -> nn.ModuleList:
            inward, attends = joined * channels[level], level in attention
            return nn.ModuleList(
                Block(inward, channels[level], asked=asked, axes=axes, groups=groups, attends=attends)
                for _ in range(count)
            )

        self.asked = LevelConditioning(conditions, width=asked)
        convolution, levels = CONVOLUTIONS[axes], range(len(channels))
        self.enter = nn.ModuleList(
            convolution(inward, outward, 3, stride=2 if level else 1, padding=1)
            for level, inward, outward in zip(levels, [space.shape[0], *channels], channels, strict=False)
        )
        self.down = nn.ModuleList(stage(level, blocks) for level in levels)
        self.middle = stage(levels[-1], 2)
        self.up = nn.ModuleList(stage(level, blocks, joined=2) for level in reversed(levels))
        # Narrowed before they are spread, activations from below cost a third less of the level above.
        self.leave = nn.ModuleList(convolution(channels[level + 1], channels[level], 1) for level in levels[-2::-1])
        self.norm = nn.GroupNorm(groups, channels[0])
        self.outward = _zeroed(convolution(channels[0], space.shape[0], 3, padding=1))

    def forward(
        self, x: Float[Tensor, " B *shape"], level: Float[Tensor, " B"], condition: Condition
    ) -> Float[Tensor, " B *shape"]:
        """Return what the network makes of noisy samples."""
        asked, x = self.asked(level, condition), _near(x)
        skips: list[Tensor] = []
        for enter, stage in zip(self.enter, self.down, strict=True):
            x = _near(enter(x))
            for block in stage:  # type: ignore[attr-defined]
                x = block(x, asked)
                skips.append(x)
        for block in self.middle:
            x = block(x, asked)
        for stage, leave in zip(self.up, [nn.Identity(), *self.leave], strict=True):
            x = _spread(leave(x), skips[-1])
            for block in stage:  # type: ignore[attr-defined]
                x = block(torch.cat((x, skips.pop()), 1), asked)
        return cast(Tensor, self.outward(_normed(self.norm, x)))


@final
class Block(nn.Module):
    """Two convolutions with a norm before each, the second scaled and shifted; perhaps attention; all residual."""

    def __init__(self, inward: int, outward: int, *, asked: int, axes: int, groups: int, attends: bool) -> None:
        super().__init__()
        convolution = CONVOLUTIONS[axes]
        self.norm_first, self.norm_second = nn.GroupNorm(groups, inward), nn.GroupNorm(groups, outward)
        self.first = convolution(inward, outward, 3, padding=1)
        self.second = _zeroed(convolution(outward, outward, 3, padding=1))
        self.modulation = nn.Linear(asked, 2 * outward)
        self.through = convolution(inward, outward, 1) if inward != outward else nn.Identity()
        self.attention = Attention(outward, groups=groups) if attends else nn.Identity()

    def forward(self, x: Float[Tensor, "B C *places"], asked: Float[Tensor, "B D"]) -> Float[Tensor, "B E *places"]:
        """Return the activations after this block."""
        scale, shift = self.modulation(asked).chunk(2, 1)
        hidden = self.first(_normed(self.norm_first, x))
        hidden = _normed(self.norm_second, hidden, 1 + scale, shift)
        return cast(Tensor, self.attention(self.through(x) + self.second(hidden)))


@final
class Attention(nn.Module):
    """Self-attention over all places."""

    def __init__(self, channels: int, *, groups: int) -> None:
        super().__init__()
        self.heads = next(heads for heads in range(max(1, channels // _HEAD), 0, -1) if channels % heads == 0)
        self.norm = nn.GroupNorm(groups, channels)
        self.inward = nn.Linear(channels, 3 * channels)
        self.outward = _zeroed(nn.Linear(channels, channels))

    def forward(self, x: Float[Tensor, "B C *places"]) -> Float[Tensor, "B C *places"]:
        """Return the activations with what each place gathers from all of them added."""
        inward = self.inward(self.norm(x).flatten(2).mT).unflatten(-1, (3, self.heads, -1))
        gathered = attention(*inward.permute(2, 0, 3, 1, 4))
        return x + cast(Tensor, self.outward(gathered.transpose(1, 2).flatten(2))).mT.reshape(x.shape)


def _normed(norm: nn.GroupNorm, x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
    """Return SiLU of a group norm that may be scaled and shifted channel by channel."""
    weight, bias = norm.weight, norm.bias
    return group_norm_silu(x, norm.num_groups, weight, bias, scale=scale, shift=shift, epsilon=norm.eps)


def _near(x: Tensor) -> Tensor:
    """Return images with the channels of a place together, for which convolutions take half the time on a CPU."""
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def _spread(x: Tensor, like: Tensor) -> Tensor:
    """Return x at the places of another tensor, each taking the nearest."""
    return x if x.shape[2:] == like.shape[2:] else F.interpolate(x, size=like.shape[2:])


def _zeroed(layer: nn.Conv1d | nn.Conv2d | nn.Linear) -> nn.Module:
    """Return a layer that gives zeros until it is trained."""
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def _check_space(space: Continuous, levels: int) -> None:
    if len(space.shape) not in (2, 3):
        raise MismatchError(
            f"a unet works on spaces of shape (C, L) or (C, Y, X); got {space.shape}. "
            "For a vector, use the backbone 'dense'."
        )
    if min(space.shape[1:]) < 2 ** (levels - 1):
        raise OptionError(
            f"a unet with {levels} multipliers halves each axis {levels - 1} times; got the shape {space.shape}, "
            f"of which nothing would be left. Give fewer multipliers."
        )


def _check_sizes(
    *, width: int, multipliers: tuple[int, ...], blocks: int, attention: tuple[int, ...], groups: int
) -> None:
    if not multipliers or min(width, blocks, groups, *multipliers) < 1:
        raise OptionError(
            f"a unet's width, blocks and groups are 1 or more, as is each of one multiplier or more; "
            f"got width={width}, blocks={blocks}, groups={groups}, multipliers={multipliers}. Choose larger ones."
        )
    if any(width * multiplier % groups for multiplier in multipliers):
        raise OptionError(
            f"a unet's channels, width x multiplier, are whole multiples of groups; "
            f"got width={width}, multipliers={multipliers}, groups={groups}. Change one of them."
        )
    if any(not 0 <= level < len(multipliers) for level in attention):
        raise OptionError(
            f"a unet's attention names levels from 0 to {len(multipliers) - 1}; got {attention}. Name those."
        )
