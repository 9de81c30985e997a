"""A WaveNet."""

from __future__ import annotations

from typing import cast, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from genwright.backbones.conditioning import Conditioning, Contouring
from genwright.backbones.wavestream import WaveStream
from genwright.errors import OptionError
from genwright.readings import Condition
from genwright.space import ConditionSpace, Tokens

__all__ = ["Layer", "WaveNet"]

_MULTIPLE = 32


@final
class WaveNet(nn.Module):
    """A WaveNet: gated causal convolutions that reach ever further back, over the samples of a sound.

    Each layer adds to the residual path and gives to the skip path, from which the logits come. What is asked for
    shifts the gates of every layer: the contours by what they ask for at the moment, all else alike throughout.

    width:  channels of the residual path, a multiple of 32
    skip:   channels of the skip path and of the hidden layers after it, a multiple of 32
    depth:  number of layers
    cycle:  layers after which the distances 1, 2, 4, … of what a convolution joins begin anew
    kernel: places that a convolution joins
    stride: tokens that the layers take at a step, which they then see as one place. Those of one step are told apart
            by the hidden layers, which see the step's earlier ones; at 4, drawing takes a third of the time

    Sources: van den Oord et al. (2016), arXiv:1609.03499; Dauphin et al. (2016), arXiv:1612.08083 (gates without tanh);
    Mehri et al. (2016), arXiv:1612.07837 (samples drawn within frames).
    """

    def __init__(
        self,
        *,
        space: Tokens,
        conditions: ConditionSpace,
        width: int = 64,
        skip: int = 128,
        depth: int = 20,
        cycle: int = 10,
        kernel: int = 2,
        stride: int = 1,
    ) -> None:
        super().__init__()
        _check_sizes(width=width, skip=skip, depth=depth, cycle=cycle, kernel=kernel, stride=stride)
        self.space, self.start, self.stride = space, space.vocab_size, stride
        # One more row than the vocabulary: the start token, which is never predicted.
        rows = space.vocab_size + 1
        self.frame = nn.Parameter(torch.randn(stride, rows, width) * stride**-0.5)
        self.conditioning = Conditioning(conditions, width=width) if conditions.names else None
        self.contouring = Contouring(conditions, width=width) if conditions.contours else None
        self.places, self.values = conditions.places, conditions.values(space)
        self.layers = nn.ModuleList(
            Layer(
                width,
                asked=bool(conditions.names),
                kernel=kernel,
                apart=2 ** (at % cycle),
                # After the last layer nothing reads the residual path.
                residual=0.0 if at == depth - 1 else depth**-0.5,
            )
            for at in range(depth)
        )
        self.skip = nn.Linear(depth * width, skip)
        self.ahead = nn.Linear(skip, stride * skip)
        # What a token adds to each of the hidden places after it in its step.
        self.near = nn.Parameter(torch.randn(rows, stride - 1, skip) * 0.1) if stride > 1 else None
        self.hidden, self.outward = nn.Linear(skip, skip), nn.Linear(skip, space.vocab_size)

    def forward(self, tokens: Int64[Tensor, "B T"], condition: Condition) -> Float[Tensor, "B T V"]:
        """Return the logits that follow each token; the first token of a row is `start`."""
        steps = -(-tokens.shape[1] // self.stride)
        x, given = self.embedded(self._framed(tokens, steps)), []
        told = self.told(condition)
        at = self.value_at(torch.arange(0, steps * self.stride, self.stride, device=tokens.device))
        for layer in self._layers:
            asked = layer.shift(told)
            x, gated = layer(x, asked if self.contouring is None else asked.index_select(1, at))
            given.append(gated)
        places = self.foreseen(torch.cat(given, -1)) + self._nearby(tokens, steps)
        return self.logits(places.flatten(1, 2)[:, : tokens.shape[1]])

    @property
    def reach(self) -> int:
        """How many tokens the logits depend on, at the first token of a step."""
        return self.stride * (1 + sum((layer.kernel - 1) * layer.apart for layer in self._layers))

    @property
    def _layers(self) -> list[Layer]:
        return cast("list[Layer]", list(self.layers))

    def embedded(self, frames: Int64[Tensor, "*rows G"]) -> Float[Tensor, "*rows D"]:
        """Return what the layers are given for the tokens of each step."""
        places = torch.arange(self.stride, device=frames.device) * self.frame.shape[1]
        return F.embedding(frames + places, self.frame.flatten(0, 1)).sum(-2)

    def foreseen(self, gated: Float[Tensor, "*rows E"]) -> Float[Tensor, "*rows G F"]:
        """Return what the layers tell of each token of a step, given the gated outputs of all layers."""
        ahead = self.ahead(F.relu(self.skip(gated)))
        return cast(Tensor, ahead.view(*ahead.shape[:-1], self.stride, -1))

    def logits(self, places: Float[Tensor, "*rows F"]) -> Float[Tensor, "*rows V"]:
        """Return the logits of tokens."""
        return cast(Tensor, self.outward(F.relu(self.hidden(F.relu(places)))))

    def told(self, condition: Condition) -> Float[Tensor, "B N D"]:
        """Return what the layers are told of what is asked for at each value of the contours; once where none is."""
        if self.conditioning is None:
            return self.skip.weight.new_empty(len(condition), 1, 0)
        told = self.conditioning(condition)[:, None]
        if self.contouring is not None:
            told = told + self.contouring(self._contours(condition))
        return F.silu(told)

    def _contours(self, condition: Condition) -> Float[Tensor, "B C N"]:
        """Return the contours of a condition; those that ask for nothing where it has none."""
        if condition.contours is not None:
            return condition.contours
        count = len(cast(Contouring, self.contouring).mean)
        return self.skip.weight.new_full((len(condition), count, self.values), torch.nan)

    def value_at(self, places: Int64[Tensor, " P"]) -> Int64[Tensor, " P"]:
        """Return which value of the contours each place of a row belongs to; the first, where there is none."""
        if self.contouring is None:
            return torch.zeros_like(places)
        return (places.double() / self.places).long().clamp(max=self.values - 1)

    def open(self, condition: Condition) -> WaveStream:
        """Return a stream of as many rows as the condition has."""
        return WaveStream(self, condition)

    def _framed(self, tokens: Int64[Tensor, "B T"], steps: int) -> Int64[Tensor, "B S G"]:
        """Return for each step the tokens that are known when it begins: its first given one and those before it."""
        before = F.pad(tokens, (self.stride - 1, 0), value=self.start)
        return before[:, : steps * self.stride].view(len(tokens), steps, self.stride)

    def _nearby(self, tokens: Int64[Tensor, "B T"], steps: int) -> Float[Tensor, "B S G F"] | float:
        """Return what the tokens of each step add to the places after them in it."""
        if self.near is None:
            return 0.0
        padded = F.pad(tokens, (0, steps * self.stride - tokens.shape[1])).view(len(tokens), steps, self.stride)
        told = F.embedding(padded[..., 1:], self.near.flatten(1))
        each = told.view(*told.shape[:3], *self.near.shape[1:])
        # The token given at place p of a step belongs to place p - 1, and is seen from p on.
        shifted = [F.pad(each[:, :, at, : self.stride - 1 - at], (0, 0, at + 1, 0)) for at in range(self.stride - 1)]
        return sum(shifted[1:], shifted[0])


@final
class Layer(nn.Module):
    """A gated convolution, whose output is added to its input and handed to the skip path.

    apart:    the distance of the places that it joins
    residual: the scale at which its output is first added to its input; 0 where that is not read
    """

    def __init__(self, width: int, *, asked: bool, kernel: int, apart: int, residual: float) -> None:
        super().__init__()
        self.kernel, self.apart = kernel, apart
        self.inward = nn.Linear(width, kernel * 2 * width, bias=False)
        self.bias = nn.Parameter(torch.zeros(2 * width))
        self.asked = nn.Linear(width, 2 * width, bias=False) if asked else None
        self.outward = nn.Linear(width, width, bias=False) if residual else None
        if self.outward is not None:
            self.outward.weight.data.mul_(residual)

    def shift(self, told: Float[Tensor, "*rows A"]) -> Float[Tensor, "*rows E"]:
        """Return what is added to the gates, given what `WaveNet.told` tells."""
        if self.asked is None:
            return self.bias.expand(*told.shape[:-1], -1)
        return self.bias + cast(Tensor, self.asked(told))

    def forward(
        self, x: Float[Tensor, "B S D"], asked: Float[Tensor, "B P E"]
    ) -> tuple[Float[Tensor, "B S D"], Float[Tensor, "B S D"]]:
        """Return the residual path after this layer, and what goes to the skip path.

        asked: what is added to the gates at each place, or at all
        """
        now, *before = self.inward(x).chunk(self.kernel, -1)
        for back, part in enumerate(before, start=1):
            now = now + F.pad(part, (0, 0, back * self.apart, 0))[:, : x.shape[1]]
        gated = F.glu(now + asked, -1)
        return x if self.outward is None else x + self.outward(gated), gated


def _check_sizes(*, width: int, skip: int, **counts: int) -> None:
    for name, size in counts.items():
        if size < 1:
            raise OptionError(f"a wavenet's {name} is 1 or more; got {size}. Choose a larger one.")
    for name, size in (("width", width), ("skip", skip)):
        # Else GLU would compute the last channels of a row otherwise than the rest.
        if size < 1 or size % _MULTIPLE:
            raise OptionError(
                f"a wavenet's {name} is a multiple of {_MULTIPLE}; got {size}. "
                f"Choose {max(1, -(-size // _MULTIPLE)) * _MULTIPLE}."
            )
