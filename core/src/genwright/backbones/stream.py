"""Rows being drawn from a transformer, token by token, with a preallocated cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, cast, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int32, Int64
from torch import Tensor

from genwright.kernels.adaptive_norm.spec import adaptive_norm
from genwright.kernels.decode_attention.spec import decode_attention
from genwright.kernels.linear.packed import Packed
from genwright.kernels.linear.spec import linear
from genwright.kernels.rotary_cache.spec import rotary_cache
from genwright.readings import Condition

if TYPE_CHECKING:
    from genwright.backbones.transformer import Attention, Block, Transformer

__all__ = ["UNMODULATED", "Affine", "Modulated", "TransformerStream", "normed"]

# A scale and a shift.
Affine: TypeAlias = tuple[Tensor, Tensor]
# Those of attention's input and of the feed-forward part's.
Modulated: TypeAlias = tuple[Affine | None, Affine | None]
UNMODULATED: Modulated = (None, None)
Linear: TypeAlias = Callable[[Tensor], Tensor]


@final
class TransformerStream:
    """Rows being drawn, each at a position of its own, so that a finished row can start anew beside running ones.

    On a CPU weights become float32, whatever they are kept in, unless bfloat16 is asked for by autocast, in which the
    products and the cache are then. Which kernels serve is chosen once, when the stream is opened.
    """

    is_steady = True

    @torch.inference_mode()
    def __init__(self, network: Transformer, condition: Condition) -> None:
        self._network, self._condition = network, condition.to(network.embedding.weight.device)
        rows, self._embedding = len(condition), _computed(network.embedding.weight)
        self._layers = [_Layer.of(cast("Block", block), rows, network.space.size) for block in network.blocks]
        # Whole multiples of 16 columns keep the products' bits independent of where a row lies.
        outward, padded = self._embedding[: network.space.vocab_size], _up_to_multiple(network.space.vocab_size, of=16)
        self._outward = _product(F.pad(outward, (0, 0, 0, padded - len(outward))), rows)
        self._gain = _computed(network.norm.weight)
        self._cosine, self._sine = network.cosine.to(self._embedding), network.sine.to(self._embedding)
        self._at = torch.zeros(rows, dtype=torch.int64, device=self._embedding.device)
        self._asked, self._modulated = self._asking()

    @torch.inference_mode()
    def step(self, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """Return the logits that follow, given one more token a row."""
        x = F.embedding(tokens, self._embedding)[:, None] + self._asked
        place = _Place(cosine=self._cosine, sine=self._sine, at=self._at, lengths=(self._at + 1).int())
        for layer in self._layers:
            x = layer.step(x, place, *self._modulated)
        # In place, as all that a step reads is changed: a step that was captured reads where it read then.
        self._at.add_(1).clamp_(max=self._network.space.size - 1)
        _, found = normed(x, None, self._gain)
        return self._outward(found[:, 0])[:, : self._network.space.vocab_size]

    @torch.inference_mode()
    def restart(self, rows: Bool[Tensor, " B"], condition: Condition) -> None:
        """Begin these rows anew. What their cache held is not seen until it is written again."""
        self._at.masked_fill_(rows, 0)
        now, before = condition.to(self._asked.device), self._condition
        changed = rows & ~(_same(now.scalars, before.scalars) & _same(now.labels, before.labels))
        # Most runs ask every row for the same, so what is asked need not be computed at every restart.
        if bool(changed.any()):
            self._condition = replace(
                before,
                scalars=torch.where(changed[:, None], now.scalars, before.scalars),
                labels=torch.where(changed[:, None], now.labels, before.labels),
            )
            asked, modulated = self._asking()
            for place, new in zip((self._asked, *_flat(self._modulated)), (asked, *_flat(modulated)), strict=True):
                place.copy_(new)

    def _asking(self) -> tuple[Float[Tensor, "B 1 D"], Modulated]:
        """Return what the rows ask for, and what it makes of the inputs of each part."""
        asked, modulation = self._network.conditioning(self._condition)[:, None], self._network.modulation
        if modulation is None:
            return _computed(asked), UNMODULATED
        attend, feed = modulation(asked)
        return _computed(asked), (
            (_computed(attend[0]), _computed(attend[1])),
            (_computed(feed[0]), _computed(feed[1])),
        )


@final
@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where each row stands, what turns heads to each place, and how much of the cache each row sees."""

    cosine: Float[Tensor, "S H"]
    sine: Float[Tensor, "S H"]
    at: Int64[Tensor, " B"]
    lengths: Int32[Tensor, " B"]


@final
@dataclass(frozen=True, kw_only=True)
class _Layer:
    """A block's weights and its cache: of B rows, K heads of keys and values at S places, for N heads of queries.

    Heads are padded to P numbers, a multiple of 4, without which the bits of a row may depend on its place.
    """

    inward: Linear
    outward: Linear
    up: Linear
    down: Linear
    activate: Callable[[Tensor], Tensor]
    enter: Callable[..., Tensor]
    attend: Callable[..., Tensor]
    gains: tuple[Float[Tensor, " D"], Float[Tensor, " D"]]
    keys: Float[Tensor, "B K S P"]
    values: Float[Tensor, "B K S P"]
    head: int

    @classmethod
    def of(cls, block: Block, rows: int, length: int) -> _Layer:
        attention, feed = block.attention, block.feed
        weight, kept, width = attention.inward.weight, attention.kept, _up_to_multiple(attention.head, of=4)
        # Whole multiples of 16 places, as of columns.
        shape = rows, kept, _up_to_multiple(length, of=16), width
        keys, values = (weight.new_zeros(shape, dtype=_precision(weight)) for _ in range(2))
        enter, attend = _chosen(attention, keys, values)
        return cls(
            inward=_product(weight, rows),
            outward=_product(attention.outward.weight, rows),
            up=_product(feed.up.weight, rows),
            down=_product(feed.down.weight, rows),
            activate=feed.activate,
            enter=enter,
            attend=attend,
            gains=(_computed(block.norm_attention.weight), _computed(block.norm_feed.weight)),
            keys=keys,
            values=values,
            head=attention.head,
        )

    def step(
        self, x: Float[Tensor, "B 1 D"], place: _Place, attend: Affine | None, feed: Affine | None
    ) -> Float[Tensor, "B 1 D"]:
        """Return the stream after this block, having written the newest position to the cache."""
        _, hidden = normed(x, attend, self.gains[0])
        gathered = self._gathered(self.inward(hidden[:, 0]).view(len(x), -1, self.head), place)
        x, hidden = normed(x, feed, self.gains[1], update=self.outward(gathered)[:, None])
        return x + self.down(self.activate(self.up(hidden[:, 0])))[:, None]

    def _gathered(self, inward: Float[Tensor, "B NKK H"], place: _Place) -> Float[Tensor, "B NH"]:
        queries = self.enter(inward, place.cosine, place.sine, place.at, self.keys, self.values)
        found = self.attend(queries, self.keys, self.values, lengths=place.lengths, scale=self.head**-0.5)
        return found[..., : self.head].flatten(1).to(inward.dtype)


def normed(
    x: Float[Tensor, "B T D"],
    by: Affine | None,
    gain: Float[Tensor, " D"],
    *,
    update: Float[Tensor, "B T D"] | None = None,
    gate: Float[Tensor, "B 1 D"] | None = None,
) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B T D"]]:
    """Return the stream with what is added to it, multiplied by the gate, and its norm, scaled and shifted."""
    scale, shift = by or (None, None)
    return adaptive_norm(x, scale=scale, shift=shift, update=update, gate=gate, weight=gain)


def _chosen(attention: Attention, keys: Tensor, values: Tensor) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
    """Return what puts keys and values of a token into the cache, and what attends to them, for all steps."""
    (rows, kept, size, width), head = keys.shape, attention.head
    inward = _computed(attention.inward.weight).new_zeros(rows, attention.heads + 2 * kept, head)
    at, turns = keys.new_zeros(rows, dtype=torch.int64), inward.new_zeros(size, head)
    enter = rotary_cache.chosen(inward, turns, turns, at, keys, values)
    queries = keys.new_zeros(rows, attention.heads, width)
    return enter, decode_attention.chosen(queries, keys, values, lengths=at.int(), scale=head**-0.5)


def _product(weight: Float[Tensor, "out D"], rows: int) -> Linear:
    """Return what multiplies so many rows with a weight, in the precision that is asked for."""
    packed = Packed(weight=_computed(weight).to(_precision(weight)))
    serves = linear.chosen(packed.weight.new_zeros(rows, weight.shape[1]), packed)

    def product(x: Tensor) -> Tensor:
        return serves(x.to(packed.weight.dtype), packed).to(x.dtype)

    return product


def _computed(weight: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return a weight in what is computed in between products."""
    return weight.float() if weight.device.type == "cpu" else weight


def _precision(weight: Tensor) -> torch.dtype:
    """Return what products are computed in, and what the cache holds."""
    device = weight.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else _computed(weight).dtype


def _flat(modulated: Modulated) -> Iterator[Tensor]:
    for affine in modulated:
        yield from affine or ()


def _up_to_multiple(size: int, *, of: int) -> int:
    return -(-size // of) * of


def _same(a: Tensor, b: Tensor) -> Bool[Tensor, " B"]:
    """Return which rows are equal, where NaN, which asks for nothing, equals itself."""
    return ((a == b) | ((a != a) & (b != b))).all(1)
