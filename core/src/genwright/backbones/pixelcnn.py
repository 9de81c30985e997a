"""A gated PixelCNN."""

from __future__ import annotations

import math
from typing import cast, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from genwright.backbones.conditioning import Conditioning
from genwright.backbones.mixture import LogisticMixture
from genwright.backbones.pixelstream import PixelStream
from genwright.errors import MismatchError, OptionError
from genwright.readings import Condition
from genwright.space import ConditionSpace, Tokens

__all__ = ["Layer", "PixelCNN"]

_DILATIONS = (1, 2, 4)
_WAVES = (1, 2, 4, 8)
_CHANNELS = 4


@final
class PixelCNN(nn.Module):
    """A gated PixelCNN: pixel after pixel in reading order, each given all those above and to the left.

    A vertical stack of convolutions sees the rows above, a horizontal one what is left in the row and the vertical
    stack; together they see every earlier pixel within reach. Layers are 1, 2, 4, 1, … pixels apart. The channels of a
    pixel, (Y, X, C), follow one another, each given those before it.

    width:   channels of the horizontal stack, a multiple of 4; the vertical one has half as many
    depth:   number of layers
    reach:   of the first layer, in pixels up, left and right
    mixture: components of a mixture of logistic distributions over the levels, for tokens that have an order; 0 for a
             logit a token that knows of no other

    Sources: van den Oord et al. (2016), arXiv:1606.05328; Salimans et al. (2017), arXiv:1701.05517 (mixture).
    """

    def __init__(
        self,
        *,
        space: Tokens,
        conditions: ConditionSpace,
        width: int = 64,
        depth: int = 6,
        reach: int = 4,
        mixture: int = 0,
    ) -> None:
        super().__init__()
        _check_sizes(width=width, depth=depth, reach=reach, mixture=mixture)
        self.space, self.start, self.reach = space, space.vocab_size, reach
        self.image = rows, columns, channels = _image(space)
        spread = _spread(space.vocab_size)
        self.register_buffer("spread", spread, persistent=False)
        seen, vertical = channels * spread.shape[1], width // 2
        self.above = nn.Conv2d(seen, vertical, (reach, 2 * reach + 1))
        self.left = nn.Conv2d(seen, width, (1, reach))
        self.place = nn.Parameter(torch.zeros(rows, columns, vertical + width))
        self.conditioning = Conditioning(conditions, width=width) if conditions.names else None
        self.layers = nn.ModuleList(
            Layer(vertical, width, asked=width if conditions.names else 0, apart=_DILATIONS[at % 3], depth=depth)
            for at in range(depth)
        )
        self.channels = Channels(spread.shape[1], width, count=channels) if channels > 1 else None
        self.inward = nn.Linear(vertical + width, width)
        self.outward = (
            LogisticMixture(width, space.vocab_size, components=mixture)
            if mixture
            else nn.Linear(width, space.vocab_size)
        )

    spread: Tensor

    def forward(self, tokens: Int64[Tensor, "B T"], condition: Condition) -> Float[Tensor, "B T V"]:
        """Return the logits that follow each token; the first token of a row is `start`."""
        image = F.pad(tokens[:, 1:], (0, self.space.size - tokens.shape[1] + 1)).view(-1, *self.image)
        values = self.values(image)
        v = self.descend(F.pad(values, (0, 0, 0, 0, self.reach, 0))[:, :-1]) + self.placed[0]
        h = self.advance(F.pad(values, (0, 0, self.reach, 0))[:, :, :-1]) + self.placed[1]
        for layer, asked in zip(self.layers, self.asked(condition), strict=True):
            v, h = layer(v, h, asked)
        return self.logits(v, h, image).flatten(1, 3)[:, : tokens.shape[1]]

    @property
    def placed(self) -> tuple[Tensor, Tensor]:
        """What each place adds to the vertical and to the horizontal stack."""
        vertical, horizontal = torch.split(self.place, [self.above.out_channels, self.left.out_channels], -1)
        return vertical, horizontal

    def values(self, image: Int64[Tensor, "*places C"]) -> Float[Tensor, "*places S"]:
        """Return tokens as numbers: those of all channels of a place, one after another."""
        return F.embedding(image, self.spread).flatten(-2)

    def descend(self, values: Float[Tensor, "B P X S"]) -> Float[Tensor, "B Y X D"]:
        """Return the vertical stack's beginning of each row that has `reach` others above it."""
        return _convolved(self.above, F.pad(values, (0, 0, self.reach, self.reach)))

    def advance(self, values: Float[Tensor, "B Y P S"]) -> Float[Tensor, "B Y X D"]:
        """Return the horizontal stack's beginning of each place that has `reach` others before it in its row."""
        return _convolved(self.left, values)

    def asked(self, condition: Condition) -> list[Tensor | None]:
        """Return what is asked of each layer, one row each, or None where nothing can be."""
        if self.conditioning is None:
            return [None] * len(self.layers)
        asked = F.silu(self.conditioning(condition))
        return [layer.asked(asked) for layer in self.layers]  # type: ignore[operator]

    def logits(
        self, v: Float[Tensor, "*places D"], h: Float[Tensor, "*places E"], image: Int64[Tensor, "*places C"]
    ) -> Float[Tensor, "*places C V"]:
        """Return the logits of each channel, of whose places' own tokens only those of earlier channels are seen."""
        hidden = self.inward(F.silu(torch.cat((v, h), -1)))[..., None, :]
        if self.channels is not None:
            hidden = hidden + self.channels(self.values(image))
        return cast(Tensor, self.outward(F.silu(hidden)))

    def open(self, condition: Condition) -> PixelStream:
        """Return a stream of as many rows as the condition has."""
        return PixelStream(self, condition)


@final
class Layer(nn.Module):
    """A gated convolution down the rows, and one along each row that sees it.

    apart: the distance of the pixels that it joins
    """

    def __init__(self, vertical: int, width: int, *, asked: int, apart: int, depth: int) -> None:
        super().__init__()
        self.apart, self.split = apart, [2 * vertical, 2 * width]
        self.down = nn.Conv2d(vertical, 2 * vertical, (2, 3), dilation=apart)
        self.along = nn.Linear(vertical + 2 * width, 2 * width)
        self.outward = nn.Linear(width, width)
        self.asked = nn.Linear(asked, sum(self.split), bias=False) if asked else None
        with torch.no_grad():
            self.outward.weight.mul_(depth**-0.5)

    def forward(
        self, v: Float[Tensor, "B Y X D"], h: Float[Tensor, "B Y X E"], asked: Float[Tensor, "B F"] | None
    ) -> tuple[Float[Tensor, "B Y X D"], Float[Tensor, "B Y X E"]]:
        """Return both stacks after this layer."""
        v = self.descend(F.pad(v, (0, 0, 0, 0, self.apart, 0)), asked)
        return v, self.advance(h, F.pad(h, (0, 0, self.apart, 0))[:, :, : -self.apart], v, asked)

    def descend(self, v: Float[Tensor, "B P X D"], asked: Float[Tensor, "B F"] | None) -> Float[Tensor, "B Y X D"]:
        """Return the vertical stack of each row but the first `apart`."""
        gates = _convolved(self.down, F.pad(v, (0, 0, self.apart, self.apart)))
        if asked is not None:
            gates = gates + asked[:, None, None, : self.split[0]]
        return v[:, self.apart :] + F.glu(gates, -1)

    def advance(self, h: Tensor, left: Tensor, v: Tensor, asked: Float[Tensor, "B F"] | None) -> Tensor:
        """Return the horizontal stack, given itself, what is `apart` to the left, and the vertical one."""
        gates = self.along(torch.cat((left, h, v), -1))
        if asked is not None:
            gates = gates + asked[:, self.split[0] :].view(-1, *[1] * (h.ndim - 2), self.split[1])
        return h + cast(Tensor, self.outward(F.glu(gates, -1)))


@final
class Channels(nn.Module):
    """Lets each channel of a pixel see those before it."""

    def __init__(self, seen: int, width: int, *, count: int) -> None:
        super().__init__()
        self.count = count
        self.linear = nn.Linear(count * seen, count * width)
        earlier = torch.ones(count, count).tril(-1)
        self.register_buffer("earlier", earlier.kron(torch.ones(width, seen)), persistent=False)

    earlier: Tensor

    def forward(self, values: Float[Tensor, "*places S"]) -> Float[Tensor, "*places C D"]:
        """Return what each channel sees."""
        seen = F.linear(values, self.linear.weight * self.earlier, self.linear.bias)
        return seen.view(*seen.shape[:-1], self.count, -1)


def _convolved(convolution: nn.Conv2d, x: Float[Tensor, "B P Q S"]) -> Float[Tensor, "B Y X D"]:
    return cast(Tensor, convolution(x.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)


def _spread(levels: int) -> Float[Tensor, "V S"]:
    """Return numbers for each level: where it lies along [-1, 1], waves along that, and whether it is the lowest."""
    along = torch.linspace(-1, 1, levels)
    waves = [turn(math.pi * count * along) for count in _WAVES for turn in (torch.sin, torch.cos)]
    return torch.stack((torch.ones(levels), along, (torch.arange(levels) == 0).float(), *waves), 1)


def _image(space: Tokens) -> tuple[int, int, int]:
    """Return rows, columns and channels."""
    rows, columns, channels = (*space.shape, 1, 1, 1)[:3]
    if len(space.shape) in (2, 3) and channels <= _CHANNELS:
        return rows, columns, channels
    raise MismatchError(
        f"a pixelcnn works on tokens of shape (Y, X), or (Y, X, C) with up to {_CHANNELS} channels; got {space.shape}. "
        "Use an encoder whose channels come last, or the backbone 'transformer'."
    )


def _check_sizes(*, width: int, depth: int, reach: int, mixture: int) -> None:
    for name, size, least in (("width", width, 4), ("depth", depth, 1), ("reach", reach, 1), ("mixture", mixture, 0)):
        if size < least:
            raise OptionError(f"a pixelcnn's {name} is {least} or more; got {size}. Choose a larger one.")
    # Else SiLU, like torch.sigmoid, would compute the last of 16 rows otherwise than the rest.
    if width % 4:
        raise OptionError(f"a pixelcnn's width is a multiple of 4; got {width}. Choose {width - width % 4 + 4}.")
