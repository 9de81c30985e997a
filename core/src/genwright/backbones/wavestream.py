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
    """Rows being drawn. What a layer makes of a place for later ones lies in rings, until their turn comes.

    A row begins a step of the layers once every `stride` tokens, and rows may begin theirs at different times. The
    layers are computed for those that do, always 16 at a time, or as many as the stream has where these are fewer; what
    lacks is filled up with a row that nobody sees. The logits are computed for all rows at once.
    """

    def __init__(self, network: WaveNet, condition: Condition) -> None:
        self._network, self._stride, count = network, network.stride, len(condition)
        weight, tile = network.skip.weight, min(count, TILE)
        # One row more fills up tiles; a single row is always a whole one.
        rows, self._hidden = count + (count > 1), len(weight)
        self._frames = torch.full((rows, self._stride), network.start, device=weight.device)
        self._places = weight.new_zeros(rows, self._stride * self._hidden)
        self._seen = weight.new_zeros(count, self._hidden)
        self._gated = weight.new_zeros(tile, network.skip.in_features)
        self._layers = [
            _Layer(cast("Layer", layer), gated, rows=rows, steps=-(-network.space.size // self._stride))
            for layer, gated in zip(network.layers, self._gated.chunk(len(network.layers), 1), strict=True)
        ]
        self._head = _Head(network)
        self._clock, self._asked = 0, self._ask(condition)
        self._offsets = torch.zeros(count, dtype=torch.int64, device=weight.device)
        self._groups = self._grouped()

    @torch.inference_mode()
    def step(self, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """Return the logits that follow, given one more token a row."""
        for offset, group in self._groups.items():
            self._take(group, (self._clock - offset) % self._stride, tokens)
        self._clock += 1
        return self._head.logits(self._seen)

    @torch.inference_mode()
    def restart(self, rows: Bool[Tensor, " B"], condition: Condition) -> None:
        """Begin these rows anew: what was kept of them is forgotten, and their steps begin with the next token."""
        numbers = rows.nonzero()[:, 0]
        self._frames[numbers] = self._network.start
        for layer in self._layers:
            layer.forget(numbers)
        self._asked = torch.where(rows[:, None, None], self._ask(condition), self._asked)
        self._offsets[numbers] = self._clock % self._stride
        self._groups = self._grouped()

    @torch.inference_mode()
    def _ask(self, condition: Condition) -> Float[Tensor, "B N KE"]:
        """Return what is asked of each layer; nothing of what it makes for later places."""
        asked = torch.stack(self._network.asked(condition.to(self._frames.device)), 1)
        return F.pad(asked, (0, (self._layers[0].kernel - 1) * asked.shape[-1]))

    def _grouped(self) -> dict[int, _Group]:
        """Return the rows that begin their steps together, by when they do."""
        offsets = self._offsets.tolist()
        return {
            offset: _Group.of([row for row, one in enumerate(offsets) if one == offset], self._asked)
            for offset in sorted(set(offsets))
        }

    def _take(self, group: _Group, place: int, tokens: Int64[Tensor, " B"]) -> None:
        """Take the tokens of some rows, and look at what is known of this place of their step."""
        rows = group.rows
        given = tokens[rows]
        self._frames[rows, place - 1] = given
        ahead = slice(place * self._hidden, None)
        if place == 0:
            for tile in group.tiles:
                self._advance(tile)
        elif isinstance(rows, slice):
            self._places[rows, ahead].add_(self._head.nearby(given, place))
        else:
            self._places[rows, ahead] += self._head.nearby(given, place)
        self._seen[rows] = self._places[rows, ahead.start : ahead.start + self._hidden]

    def _advance(self, tile: _Tile) -> None:
        """Have the layers take a step of some rows."""
        step = self._clock // self._stride
        x = self._network.embedded(self._frames[tile.rows])
        for layer, asked in zip(self._layers, tile.asked, strict=True):
            layer.step(x, asked, tile.rows, step)
        self._places[tile.rows] = self._head.foreseen(self._gated)


@final
@dataclass(frozen=True, kw_only=True)
class _Group:
    """Rows that begin their steps together, and the tiles that they are computed in."""

    rows: _Rows
    tiles: list[_Tile]

    @classmethod
    def of(cls, numbers: list[int], asked: Float[Tensor, "B N KE"]) -> _Group:
        whole = len(numbers) == len(asked)
        rows = slice(0, len(asked)) if whole else torch.tensor(numbers, device=asked.device)
        tiles = [_Tile.of(numbers[at : at + TILE], asked) for at in range(0, len(numbers), TILE)]
        return cls(rows=rows, tiles=tiles)


@final
@dataclass(frozen=True, kw_only=True)
class _Tile:
    """Rows for which the layers are computed at once, with what is asked of each layer."""

    rows: _Rows
    asked: list[Tensor]

    @classmethod
    def of(cls, numbers: list[int], asked: Float[Tensor, "B N KE"]) -> _Tile:
        first, count = numbers[0], min(len(asked), TILE)
        if numbers == list(range(first, first + count)):
            rows: _Rows = slice(first, first + count)
            each = asked[rows]
        else:
            rows = torch.tensor(numbers + [len(asked)] * (count - len(numbers)), device=asked.device)
            each = asked[rows.clamp(max=len(asked) - 1)]
        return cls(rows=rows, asked=[one.contiguous() for one in each.unbind(1)])


@final
class _Layer:
    """A layer's weights, laid out for drawing, and its rings.

    What a place gives to its own gates and to those of later places comes from one product, so rings hold results that
    need only be added.

    gated: where the layer's output goes
    rows:  rows that the rings have
    steps: places that a row has
    """

    def __init__(self, layer: Layer, gated: Float[Tensor, "R D"], *, rows: int, steps: int) -> None:
        weight, self.kernel = layer.inward.weight, layer.kernel
        self._inward = weight.T.contiguous()
        self._outward = None if layer.outward is None else layer.outward.weight.T.contiguous()
        self._gated, self._made = gated, weight.new_zeros(len(gated), len(weight))
        self._now, *self._later = self._made.chunk(layer.kernel, 1)
        # What would be for a place after the last needs no ring.
        distances = [back * layer.apart for back in range(1, layer.kernel) if back * layer.apart < steps]
        self._rings = [_Ring(weight.new_zeros(distance, rows, self._now.shape[1])) for distance in distances]

    def step(self, x: Float[Tensor, "R D"], asked: Float[Tensor, "R KE"], rows: _Rows, step: int) -> None:
        """Take the next place of some rows; x becomes the residual path after this layer."""
        torch.addmm(asked, x, self._inward, out=self._made)
        for ring, part in zip(self._rings, self._later, strict=False):
            ring.exchange(step, rows, self._now, part)
        torch._C._nn.glu(self._now, 1, out=self._gated)
        if self._outward is not None:
            x.addmm_(self._gated, self._outward)

    def forget(self, numbers: Int64[Tensor, " N"]) -> None:
        """Clear what is kept of some rows."""
        for ring in self._rings:
            ring.forget(numbers)


@final
class _Ring:
    """What is kept of rows for later: as many steps as the first axis is long."""

    def __init__(self, kept: Float[Tensor, "distance B E"]) -> None:
        self._kept, self._slots = kept, kept.unbind()

    def exchange(self, step: int, rows: _Rows, now: Float[Tensor, "R E"], later: Float[Tensor, "R E"]) -> None:
        """Add to `now` what was kept for it, and keep `later` in its place."""
        slot = self._slots[step % len(self._slots)]
        if isinstance(rows, slice):
            kept = slot if len(slot) == len(now) else slot[rows]
            now.add_(kept)
            kept.copy_(later)
        else:
            now.add_(slot.index_select(0, rows))
            slot.index_copy_(0, rows, later)

    def forget(self, numbers: Int64[Tensor, " N"]) -> None:
        """Clear what is kept of some rows."""
        self._kept.index_fill_(1, numbers, 0.0)


@final
class _Head:
    """What comes after the layers, laid out for drawing."""

    def __init__(self, network: WaveNet) -> None:
        self._count, self._near = network.space.vocab_size, network.near
        # Of products with few columns, some rows are computed otherwise than the rest.
        self._skip, self._ahead, self._hidden, self._outward = (
            _columns(linear, of=16) for linear in (network.skip, network.ahead, network.hidden, network.outward)
        )

    def foreseen(self, gated: Float[Tensor, "R D"]) -> Float[Tensor, "R GF"]:
        """Return what the layers tell of the places of a step."""
        return _product(_product(gated, self._skip).relu_(), self._ahead)

    def nearby(self, tokens: Int64[Tensor, " R"], place: int) -> Float[Tensor, "R PF"]:
        """Return what the tokens before this place of a step tell of it and of those after it."""
        assert self._near is not None, "a step of one place has none that would be told of"
        return F.embedding(tokens, self._near.flatten(1))[:, : -(place - 1) * self._near.shape[2] or None]

    def logits(self, places: Float[Tensor, "B F"]) -> Float[Tensor, "B V"]:
        """Return the logits of tokens."""
        return _product(_product(F.relu(places), self._hidden).relu_(), self._outward)[:, : self._count]


def _columns(linear: nn.Linear, *, of: int) -> tuple[Tensor, Tensor]:
    """Return weights and biases with a column for each output, and zeros up to a multiple."""
    lacking = -linear.out_features % of
    return F.pad(linear.weight.T, (0, lacking)).contiguous(), F.pad(linear.bias, (0, lacking))


def _product(x: Float[Tensor, "R D"], by: tuple[Tensor, Tensor]) -> Float[Tensor, "R E"]:
    return torch.addmm(by[1], x, by[0])
