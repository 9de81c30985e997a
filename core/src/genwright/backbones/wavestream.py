"""Rows of tokens being drawn from a WaveNet, from what its layers kept of earlier ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from genwright.readings import Condition
from genwright.rows import TILE

if TYPE_CHECKING:
    from genwright.backbones.wavenet import Layer, WaveNet

__all__ = ["WaveStream"]

# Some of the rows: those that follow one another, or by their numbers.
_Rows: TypeAlias = slice | Tensor


@final
class WaveStream:
    """Rows being drawn. What each layer was given lies in a ring, as far back as its convolution reaches.

    A row begins a step of the layers once every `stride` tokens, and rows may begin theirs at different times. The
    layers are computed for those that do, always 16 at a time, or as many as the stream has where these are fewer; what
    lacks is filled up with a row that nobody sees. The logits are computed for all rows at once.
    """

    def __init__(self, network: WaveNet, condition: Condition) -> None:
        self._network, self._stride, count = network, network.stride, len(condition)
        weight = network.skip.weight
        # One row more fills up tiles; a single row is always a whole one.
        rows, self._width = count + (count > 1), len(weight)
        self._frames = torch.full((rows, self._stride), network.start, device=weight.device)
        self._places = weight.new_zeros(rows, self._stride * self._width)
        self._seen = weight.new_zeros(count, self._width)
        self._given = self._frames[:count].unbind(1)
        self._here = torch.split(self._places[:count], self._width, 1)
        self._ahead = [self._places[:count, at * self._width :] for at in range(self._stride)]
        self._ends, self._layers = _Ends(network), _layers(network, rows=rows, tile=min(count, TILE))
        self._clock, told = 0, self._tell(condition)
        self._asked = self._ask(told)
        self._contours = None if network.contouring is None else _Contours(network, told)
        self._offsets = torch.zeros(count, dtype=torch.int64, device=weight.device)
        self._groups = self._grouped()

    def step(self, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """Return the logits that follow, given one more token a row."""
        # To enter the mode once more, where it is on, takes one in fifty of the time of a step.
        if torch.is_inference_mode_enabled():
            return self._step(tokens)
        with torch.inference_mode():
            return self._step(tokens)

    def _step(self, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B V"]:
        take = self._take_all if len(self._groups) == 1 else self._take_some
        for offset, group in self._groups.items():
            seen = take(group, (self._clock - offset) % self._stride, tokens)
        self._clock += 1
        return self._ends.logits(seen)

    @torch.inference_mode()
    def restart(self, rows: Bool[Tensor, " B"], condition: Condition) -> None:
        """Begin these rows anew: what was kept of them is forgotten, and their steps begin with the next token."""
        numbers = rows.nonzero()[:, 0]
        self._frames[numbers] = self._network.start
        for layer in self._layers:
            layer.forget(numbers)
        told = self._tell(condition)
        self._asked = torch.where(rows[:, None, None], self._ask(told), self._asked)
        if self._contours is not None:
            self._contours.restart(rows, told, self._clock)
        self._offsets[numbers] = self._clock % self._stride
        self._groups = self._grouped()

    @torch.inference_mode()
    def _tell(self, condition: Condition) -> Float[Tensor, "B N D"]:
        return self._network.told(condition.to(self._frames.device))

    @torch.inference_mode()
    def _ask(self, told: Float[Tensor, "B N D"]) -> Float[Tensor, "B K E"]:
        """Return what is asked of each layer where a row begins."""
        return torch.stack([cast("Layer", layer).shift(told[:, 0]) for layer in self._network.layers], 1)

    def _grouped(self) -> dict[int, _Group]:
        """Return the rows that begin their steps together, by when they do."""
        offsets = self._offsets.tolist()
        return {
            offset: _Group.of([row for row, one in enumerate(offsets) if one == offset], self._asked)
            for offset in sorted(set(offsets))
        }

    def _take_all(self, group: _Group, place: int, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B F"]:
        """Take the tokens of all rows, and return what is known of this place of their step."""
        self._given[place - 1].copy_(tokens)
        if place == 0:
            self._advance(group)
        else:
            self._ahead[place].add_(self._ends.nearby(tokens, place))
        return self._here[place]

    def _take_some(self, group: _Group, place: int, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B F"]:
        """Take the tokens of some rows, and return what is known of the present place of all."""
        rows, given, first = group.rows, tokens[group.rows], place * self._width
        self._frames[rows, place - 1] = given
        if place == 0:
            self._advance(group)
        else:
            self._places[rows, first:] += self._ends.nearby(given, place)
        self._seen[rows] = self._places[rows, first : first + self._width]
        return self._seen

    def _advance(self, group: _Group) -> None:
        """Have the layers take a step of some rows."""
        step = self._clock // self._stride
        for tile in group.tiles:
            if self._contours is not None and tile.until <= self._clock:
                self._contours.follow(tile, self._clock)
            x = self._layers[0].input(step, tile.rows)
            x.copy_(self._ends.embedded(self._frames[tile.rows]))
            for layer, following, asked in zip(self._layers, self._layers[1:], tile.asked, strict=False):
                onward = following.input(step, tile.rows)
                layer.step(step, tile.rows, x, asked, onward)
                x = onward
            self._layers[-1].step(step, tile.rows, x, tile.asked[-1], None)
            self._places[tile.rows] = self._ends.foreseen(self._layers[-1].every)


@final
@dataclass(frozen=True, kw_only=True)
class _Group:
    """Rows that begin their steps together, and the tiles that they are computed in."""

    rows: _Rows
    tiles: list[_Tile]

    @classmethod
    def of(cls, numbers: list[int], asked: Float[Tensor, "B K E"]) -> _Group:
        whole = len(numbers) == len(asked)
        rows = slice(0, len(asked)) if whole else torch.tensor(numbers, device=asked.device)
        tiles = [_Tile.of(numbers[at : at + TILE], asked) for at in range(0, len(numbers), TILE)]
        return cls(rows=rows, tiles=tiles)


@final
@dataclass(kw_only=True)
class _Tile:
    """Rows for which the layers are computed at once, with what is asked of each layer.

    until: the tick of the clock up to which that is so, if there are contours to follow
    """

    rows: _Rows
    asked: list[Tensor]
    until: int = 0

    @classmethod
    def of(cls, numbers: list[int], asked: Float[Tensor, "B K E"]) -> _Tile:
        first, count = numbers[0], min(len(asked), TILE)
        if numbers == list(range(first, first + count)):
            rows: _Rows = slice(first, first + count)
            each = asked[rows]
        else:
            rows = torch.tensor(numbers + [len(asked)] * (count - len(numbers)), device=asked.device)
            each = asked[rows.clamp(max=len(asked) - 1)]
        return cls(rows=rows, asked=[one.contiguous() for one in each.unbind(1)])


@final
class _Contours:
    """What is asked of rows at each moment, of which a tile is told when one of its rows comes to another value.

    told: what the layers are told of each row at each value
    """

    def __init__(self, network: WaveNet, told: Float[Tensor, "B N D"]) -> None:
        self._told, self._begun = told, torch.zeros(len(told), dtype=torch.int64, device=told.device)
        self._every = torch.arange(len(told), device=told.device)
        layers = [cast("Layer", layer) for layer in network.layers]
        self._bias = torch.cat([layer.bias for layer in layers])
        self._weight = torch.cat([cast(nn.Linear, layer.asked).weight for layer in layers]).T.contiguous()
        # Of each place, its value and the place where the next value begins.
        self._value = network.value_at(torch.arange(network.space.size, device=told.device))
        self._next = torch.searchsorted(self._value, self._value, right=True)

    def restart(self, rows: Bool[Tensor, " B"], told: Float[Tensor, "B N D"], clock: int) -> None:
        """Have these rows begin anew, and follow what they are told now."""
        self._told = torch.where(rows[:, None, None], told, self._told)
        self._begun = torch.where(rows, clock, self._begun)

    def follow(self, tile: _Tile, clock: int) -> None:
        """Tell a tile what is asked of its rows now, and until when that is so."""
        rows = self._every[tile.rows] if isinstance(tile.rows, slice) else tile.rows.clamp(max=len(self._told) - 1)
        places = (clock - self._begun[rows]).clamp(max=len(self._value) - 1)
        asked = torch.addmm(self._bias, self._told[rows, self._value[places]], self._weight)
        count = len(tile.asked)
        tile.asked = list(asked.view(len(rows), count, -1).transpose(0, 1).contiguous().unbind())
        tile.until = clock + int((self._next[places] - places).min())


def _layers(network: WaveNet, *, rows: int, tile: int) -> list[_Layer]:
    steps = -(-network.space.size // network.stride)
    every = network.skip.weight.new_zeros(tile, network.skip.in_features)
    return [
        _Layer(cast("Layer", layer), every, gated, rows=rows, steps=steps)
        for layer, gated in zip(network.layers, every.chunk(len(network.layers), 1), strict=True)
    ]


@final
class _Layer:
    """A layer's weights, laid out for drawing, and the ring of what it was given.

    every: the outputs of all layers
    gated: where among these this layer's goes
    rows:  rows that the ring has
    steps: places that a row has
    """

    def __init__(
        self, layer: Layer, every: Float[Tensor, "R ND"], gated: Float[Tensor, "R D"], *, rows: int, steps: int
    ) -> None:
        weights = [part.T.contiguous() for part in layer.inward.weight.chunk(layer.kernel)]
        self._now, width = weights[0], len(weights[0])
        # What lies before the first place is zero, and needs no product.
        self._before = [(at * layer.apart, w) for at, w in enumerate(weights) if 0 < at * layer.apart < steps]
        self._outward = None if layer.outward is None else layer.outward.weight.T.contiguous()
        self.every, self._gated, self._gates = every, gated, every.new_zeros(len(every), 2 * width)
        self._buffer = every.new_zeros(len(every), width)
        self._kept = every.new_zeros(1 + max([back for back, _ in self._before], default=0), rows, width)
        self._slots = self._kept.unbind()

    def input(self, step: int, rows: _Rows) -> Float[Tensor, "R D"]:
        """Return what is to be filled with the residual path of some rows before `step` is called for them."""
        return self._at(step, rows) if isinstance(rows, slice) else self._buffer

    def step(
        self,
        step: int,
        rows: _Rows,
        x: Float[Tensor, "R D"],
        asked: Float[Tensor, "R E"],
        onward: Float[Tensor, "R D"] | None,
    ) -> None:
        """Take the next place of some rows, and write the residual path after this layer onward."""
        if not isinstance(rows, slice):
            self._slots[step % len(self._slots)].index_copy_(0, rows, x)
        torch.addmm(asked, x, self._now, out=self._gates)
        for back, weight in self._before:
            self._gates.addmm_(self._at(step - back, rows), weight)
        # F.glu has no `out`: it takes 2.5 us where this takes 1.8, and one layer of all takes some 5.
        torch._C._nn.glu(self._gates, 1, out=self._gated)  # type: ignore[call-arg]
        if self._outward is not None and onward is not None:
            torch.addmm(x, self._gated, self._outward, out=onward)

    def forget(self, numbers: Int64[Tensor, " N"]) -> None:
        """Clear what is kept of some rows."""
        self._kept.index_fill_(1, numbers, 0.0)

    def _at(self, step: int, rows: _Rows) -> Float[Tensor, "R D"]:
        slot = self._slots[step % len(self._slots)]
        if isinstance(rows, slice):
            return slot if len(slot) == len(self._gates) else slot[rows]
        return slot.index_select(0, rows)


@final
class _Ends:
    """What comes before and after the layers, laid out for drawing."""

    def __init__(self, network: WaveNet) -> None:
        self._count = network.space.vocab_size
        self._frame = network.frame.flatten(0, 1)
        self._first = torch.arange(network.stride, device=self._frame.device) * network.frame.shape[1]
        # By the place within a step that a token stands before; it tells of this and of those after it.
        near = network.frame[:, :0] if network.near is None else network.near
        self._near = [near[:, : network.stride - at].flatten(1) for at in range(network.stride)]
        self._skip, self._ahead, self._hidden, self._outward = (
            _columns(linear, of=16) for linear in (network.skip, network.ahead, network.hidden, network.outward)
        )

    def embedded(self, frames: Int64[Tensor, "R G"]) -> Float[Tensor, "R D"]:
        """Return what the layers are given for the tokens of a step."""
        return torch.embedding(self._frame, frames + self._first).sum(1)

    def foreseen(self, gated: Float[Tensor, "R D"]) -> Float[Tensor, "R GF"]:
        """Return what the layers tell of the places of a step."""
        return _product(_product(gated, self._skip).relu_(), self._ahead)

    def nearby(self, tokens: Int64[Tensor, " R"], place: int) -> Float[Tensor, "R PF"]:
        """Return what the tokens before this place of a step tell of it and of those after it."""
        return torch.embedding(self._near[place], tokens)

    def logits(self, places: Float[Tensor, "B F"]) -> Float[Tensor, "B V"]:
        """Return the logits of tokens."""
        return _product(_product(torch.relu(places), self._hidden).relu_(), self._outward)[:, : self._count]


def _columns(linear: nn.Linear, *, of: int) -> tuple[Tensor, Tensor]:
    """Return weights and biases with a column for each output, and zeros up to a multiple."""
    lacking = -linear.out_features % of
    return F.pad(linear.weight.T, (0, lacking)).contiguous(), F.pad(linear.bias, (0, lacking))


def _product(x: Float[Tensor, "R D"], by: tuple[Tensor, Tensor]) -> Float[Tensor, "R E"]:
    return torch.addmm(by[1], x, by[0])
