"""Transformers that see all places at once, for denoising and unmasking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from genwright.backbones.conditioning import Conditioning
from genwright.backbones.level import LevelConditioning
from genwright.backbones.places import laid_out
from genwright.backbones.transformer import Attention, Norm, SquaredReLU, SwiGLU, rotation
from genwright.errors import OptionError
from genwright.readings import Condition
from genwright.space import ConditionSpace, Continuous, SampleSpace, Tokens
from genwright.specs import Role

__all__ = ["DiTDenoiser", "DiTUnmasker", "axial_rotation", "dit"]


def dit(
    *,
    space: SampleSpace,
    conditions: ConditionSpace,
    role: Role,
    width: int = 128,
    depth: int = 4,
    heads: int = 4,
    patch: int = 2,
    expansion: int = 4,
    activation: Literal["relu2", "swiglu"] = "relu2",
) -> DiTDenoiser | DiTUnmasker:
    """Return a denoiser of numbers of shape (C, L) or (C, Y, X), or an unmasker of tokens of shape (L,) or (Y, X).

    What is asked for, and the level of noise, scale and shift the input of every part and scale its output; a new
    network gives zeros. Places are told apart by rotations, half of each head's by row and half by column.

    width:      of the residual stream
    depth:      number of blocks
    heads:      of attention
    patch:      numbers along each axis that are seen as one place; tokens are each a place
    expansion:  the widening of the feed-forward part
    activation: "relu2" (two matrices) or "swiglu" (three)

    Raises MismatchError for a space of another shape, OptionError for sizes that do not fit.

    Sources: Peebles and Xie (2023), arXiv:2212.09748; Heo et al. (2024), arXiv:2403.13298 (rotations of two axes).
    """
    places = laid_out(space, backbone="dit")
    _check_sizes(width=width, depth=depth, heads=heads, patch=patch, expansion=expansion, axes=len(places))
    grid = places if isinstance(space, Tokens) else _patches(space, patch)
    tower = Tower(grid, width=width, depth=depth, heads=heads, hidden=expansion * width, activation=activation)
    if isinstance(space, Tokens):
        return DiTUnmasker(space.vocab_size, conditions, tower=tower)
    return DiTDenoiser(space.shape[0], conditions, patch=patch, tower=tower)


@final
class DiTDenoiser(nn.Module):
    """Turns noisy samples, patch by patch, into what the family asks for."""

    def __init__(self, channels: int, conditions: ConditionSpace, *, patch: int, tower: Tower) -> None:
        super().__init__()
        one = len(tower.grid) == 1
        cut, joined = (nn.Conv1d, nn.ConvTranspose1d) if one else (nn.Conv2d, nn.ConvTranspose2d)
        self.asked = LevelConditioning(conditions, width=tower.width)
        self.inward = cut(channels, tower.width, patch, stride=patch)
        self.tower = tower
        self.outward = joined(tower.width, channels, patch, stride=patch)
        nn.init.zeros_(self.outward.weight)
        assert self.outward.bias is not None
        nn.init.zeros_(self.outward.bias)

    def forward(
        self, x: Float[Tensor, " B *shape"], level: Float[Tensor, " B"], condition: Condition
    ) -> Float[Tensor, " B *shape"]:
        """Return what the network makes of noisy samples."""
        # The numbers of a place together, as kernels take them.
        patches = self.inward(x).flatten(2).mT.contiguous()
        found = self.tower(patches, self.asked(level, condition))
        return cast(Tensor, self.outward(found.mT.unflatten(2, self.tower.grid)))


@final
class DiTUnmasker(nn.Module):
    """Turns tokens, some of them masked, into the logits of every place. The mask is the token after the last."""

    def __init__(self, levels: int, conditions: ConditionSpace, *, tower: Tower) -> None:
        super().__init__()
        self.conditioning = Conditioning(conditions, width=tower.width)
        self.inward = nn.Embedding(levels + 1, tower.width)
        self.tower = tower
        self.outward = nn.Linear(tower.width, levels)
        nn.init.zeros_(self.outward.weight)
        nn.init.zeros_(self.outward.bias)

    def forward(self, x: Int64[Tensor, " B *shape"], condition: Condition) -> Float[Tensor, " B *shape V"]:
        """Return the logits."""
        asked = F.silu(self.conditioning(condition))
        found = self.outward(self.tower(self.inward(x.flatten(1)), asked))
        return cast(Tensor, found.unflatten(1, x.shape[1:]))


@final
class Tower(nn.Module):
    """Blocks over a grid of places, and a last norm that is scaled and shifted too."""

    def __init__(
        self, grid: tuple[int, ...], *, width: int, depth: int, heads: int, hidden: int, activation: str
    ) -> None:
        super().__init__()
        self.grid, self.width = grid, width
        self.blocks = nn.ModuleList(Block(width, heads, hidden, activation) for _ in range(depth))
        self.norm, self.modulation = Norm(width), Modulation(width, 2)
        cosine, sine = axial_rotation(grid, width // heads)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)

    cosine: Tensor
    sine: Tensor

    def forward(self, x: Float[Tensor, "B T D"], asked: Float[Tensor, "B D"]) -> Float[Tensor, "B T D"]:
        """Return the activations after the last norm."""
        for block in self.blocks:
            x = block(x, asked, self.cosine, self.sine)
        scale, shift = self.modulation(asked)
        _, found = self.norm(x, (1 + scale, shift))
        return cast(Tensor, found)


@final
class Block(nn.Module):
    """Attention among all places, then a feed-forward part.

    The matrix that ends each part begins at zero, so the gates on them may begin at one: were both zero, neither would
    ever move.
    """

    def __init__(self, width: int, heads: int, hidden: int, activation: str) -> None:
        super().__init__()
        self.norm_attention, self.norm_feed = Norm(width), Norm(width)
        self.attention = Attention(width=width, heads=heads, shared=1)
        self.feed = SquaredReLU(width, hidden) if activation == "relu2" else SwiGLU(width, hidden)
        self.modulation = Modulation(width, 6)

    def forward(
        self, x: Float[Tensor, "B T D"], asked: Float[Tensor, "B D"], cosine: Tensor, sine: Tensor
    ) -> Float[Tensor, "B T D"]:
        """Return the stream after this block."""
        scale_attend, shift_attend, gate_attend, scale_feed, shift_feed, gate_feed = self.modulation(asked)
        _, hidden = self.norm_attention(x, (1 + scale_attend, shift_attend))
        attended = self.attention.gathered(hidden, cosine, sine, causal=False)
        x, hidden = self.norm_feed(x, (1 + scale_feed, shift_feed), update=attended, gate=1 + gate_attend)
        return cast(Tensor, x + (1 + gate_feed) * self.feed(hidden))


@final
class Modulation(nn.Module):
    """Turns what is asked for into vectors that are the same at every place; zeros until it is trained."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.count, self.linear = count, nn.Linear(width, count * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, asked: Float[Tensor, "B D"]) -> tuple[Tensor, ...]:
        """Return `count` tensors [B, 1, D]."""
        return torch.chunk(cast(Tensor, self.linear(asked))[:, None], self.count, -1)


def axial_rotation(grid: Sequence[int], head: int) -> tuple[Float[Tensor, "T H"], Float[Tensor, "T H"]]:
    """Return the cosines and sines that `rotate` takes, of places in reading order; each axis has its share of H."""
    places = torch.cartesian_prod(*(torch.arange(size) for size in grid)).view(-1, len(grid))
    turns = [rotation(size, head // len(grid)) for size in grid]
    # The second halves are those without a minus.
    cosine = torch.cat([turn[at].chunk(2, 1)[1] for (turn, _), at in zip(turns, places.T, strict=True)], 1)
    sine = torch.cat([turn[at].chunk(2, 1)[1] for (_, turn), at in zip(turns, places.T, strict=True)], 1)
    return torch.cat((cosine, cosine), 1), torch.cat((-sine, sine), 1)


def _patches(space: Continuous, patch: int) -> tuple[int, ...]:
    if any(size % patch for size in space.shape[1:]):
        raise OptionError(
            f"a dit's patch divides every axis; got patch={patch} for the shape {space.shape}. Choose another one."
        )
    return tuple(size // patch for size in space.shape[1:])


def _check_sizes(*, width: int, depth: int, heads: int, patch: int, expansion: int, axes: int) -> None:
    if min(width, depth, heads, patch, expansion) < 1:
        raise OptionError(
            f"a dit's width, depth, heads, patch and expansion are 1 or more; got width={width}, depth={depth}, "
            f"heads={heads}, patch={patch}, expansion={expansion}. Choose larger ones."
        )
    if width % (2 * axes * heads):
        raise OptionError(
            f"a dit over {axes} axes needs width = heads x a multiple of {2 * axes}; "
            f"got width={width}, heads={heads}. Change one of them."
        )
