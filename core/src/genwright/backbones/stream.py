"""Rows being drawn from a transformer, token by token, with a preallocated cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, cast, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from genwright.readings import Condition

if TYPE_CHECKING:
    from genwright.backbones.transformer import Block, Transformer

__all__ = ["UNMODULATED", "Affine", "Modulated", "TransformerStream", "normed", "rotate"]

# A scale and a shift.
Affine: TypeAlias = tuple[Tensor, Tensor]
# Those of attention's input and of the feed-forward part's.
Modulated: TypeAlias = tuple[Affine | None, Affine | None]
UNMODULATED: Modulated = (None, None)


@final
class TransformerStream:
    """Rows being drawn, each at a position of its own, so that a finished row can start anew beside running ones.

    The weights are laid out for drawing once: transposed, which takes a quarter less time a product at 128 rows, and
    multiplied with the gains of the norms before them. On a CPU they become float32, whatever they are kept in: without
    AMX, products in bfloat16 take twice as long.
    """

    def __init__(self, network: Transformer, condition: Condition) -> None:
        self._network, self._condition = network, condition.to(network.embedding.weight.device)
        rows, weight = len(condition), _computed(network.embedding.weight)
        # Whole multiples of 16 positions, and of 16 columns, keep the products' bits independent of where a row lies.
        length = _up_to_multiple(network.space.size, of=16)
        self._layers = [_Layer.of(cast("Block", block), rows, length) for block in network.blocks]
        outward = _folded(weight[: network.space.vocab_size], network.norm.weight)
        self._outward = _padded(outward, to=_up_to_multiple(network.space.vocab_size, of=16))
        self._embedding, self._cosine, self._sine = weight, network.cosine.to(weight), network.sine.to(weight)
        self._mask = weight.new_full((length, length), -torch.inf).triu(1)
        self._at = torch.zeros(rows, dtype=torch.int64, device=weight.device)
        self._ask()

    @torch.inference_mode()
    def step(self, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """Return the logits that follow, given one more token a row."""
        x = F.embedding(tokens, self._embedding) + self._asked
        place = _Place.of(self._at, self._layers[0], self._cosine, self._sine, self._mask)
        for layer in self._layers:
            x = layer.step(x, place, *self._modulated)
        self._at = (self._at + 1).clamp(max=self._network.space.size - 1)
        return (normed(x) @ self._outward)[:, : self._network.space.vocab_size]

    @torch.inference_mode()
    def restart(self, rows: Bool[Tensor, " B"], condition: Condition) -> None:
        """Begin these rows anew. What their cache held is masked until it is written again."""
        self._at = torch.where(rows, 0, self._at)
        now, before = condition.to(self._asked.device), self._condition
        changed = rows & ~(_same(now.scalars, before.scalars) & _same(now.labels, before.labels))
        # Most runs ask every row for the same, so what is asked need not be computed at every restart.
        if bool(changed.any()):
            self._condition = replace(
                before,
                scalars=torch.where(changed[:, None], now.scalars, before.scalars),
                labels=torch.where(changed[:, None], now.labels, before.labels),
            )
            self._ask()

    def _ask(self) -> None:
        """Compute what the rows ask for."""
        asked, modulation = self._network.conditioning(self._condition), self._network.modulation
        self._asked, self._modulated = _computed(asked), UNMODULATED
        if modulation is not None:
            attend, feed = modulation(asked)
            self._modulated = (_computed(attend[0]), _computed(attend[1])), (_computed(feed[0]), _computed(feed[1]))


@final
@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where each row stands: its rotation, where in the caches it writes, and what it may attend to."""

    cosine: Float[Tensor, "B 1 H"]
    sine: Float[Tensor, "B 1 H"]
    keys: Int64[Tensor, " BKH"]
    values: Int64[Tensor, " BK"]
    mask: Float[Tensor, "BK G S"]

    @classmethod
    def of(cls, at: Tensor, layer: _Layer, cosine: Tensor, sine: Tensor, mask: Tensor) -> _Place:
        count, head, length = layer.keys.shape
        each = torch.arange(count, device=at.device) * length + at.repeat_interleave(count // len(at))
        columns = torch.arange(count * head, device=at.device).view(count, head) * length
        seen = mask[at][:, None, None].expand(-1, layer.kept, layer.group, -1)
        return cls(
            cosine=cosine[at][:, None],
            sine=sine[at][:, None],
            keys=(columns + (at.repeat_interleave(layer.kept))[:, None]).flatten(),
            values=each,
            mask=seen.reshape(count, layer.group, length),
        )


@final
@dataclass(frozen=True, kw_only=True)
class _Layer:
    """A block's weights and its cache: B rows with K heads of keys and values, each for G = N / K heads of queries.

    The feed-forward part makes U numbers of each row and F of those, which are half as many where they are gated.
    Heads of values are padded to P numbers, a multiple of 4, without which the bits of a row depend on its place.
    """

    inward: Float[Tensor, "D NKKH"]
    outward: Float[Tensor, "NH D"]
    up: Float[Tensor, "D U"]
    down: Float[Tensor, "F D"]
    activate: Callable[[Tensor], Tensor]
    keys: Float[Tensor, "BK H S"]
    values: Float[Tensor, "BK S P"]
    kept: int
    group: int

    @classmethod
    def of(cls, block: Block, rows: int, length: int) -> _Layer:
        attention, feed = block.attention, block.feed
        weight, head, kept = _computed(attention.inward.weight), attention.head, attention.kept
        return cls(
            inward=_folded(weight, block.norm_attention.weight),
            outward=_computed(attention.outward.weight).T.contiguous(),
            up=_folded(feed.up.weight, block.norm_feed.weight),
            down=_computed(feed.down.weight).T.contiguous(),
            activate=feed.activate,
            # Keys lie along positions: their product with few queries takes half the time so.
            keys=weight.new_zeros(rows * kept, head, length),
            values=weight.new_zeros(rows * kept, length, _up_to_multiple(head, of=4)),
            kept=kept,
            group=attention.heads // kept,
        )

    def step(
        self, x: Float[Tensor, "B D"], place: _Place, attend: Affine | None, feed: Affine | None
    ) -> Float[Tensor, "B D"]:
        """Return the stream after this block, having written the newest position to the cache.

        The products run over the whole padded cache in one shape: SDPA with a single query gives bits that depend on
        a row's place in the batch.
        """
        head = self.keys.shape[1]
        turned, values = torch.split(
            (normed(x, attend) @ self.inward).view(len(x), -1, head), [self.kept * (self.group + 1), self.kept], 1
        )
        turned = rotate(normed(turned), place.cosine, place.sine)
        queries, keys = torch.split(turned, [self.kept * self.group, self.kept], 1)
        self.keys.view(-1).index_copy_(0, place.keys, keys.flatten())
        self.values.flatten(0, 1)[:, :head].index_copy_(0, place.values, values.flatten(0, 1))
        scores = torch.baddbmm(place.mask, queries.reshape(-1, self.group, head), self.keys, alpha=head**-0.5)
        gathered = (scores.softmax(-1) @ self.values)[..., :head].reshape(len(x), -1)
        x = torch.addmm(x, gathered, self.outward)
        return torch.addmm(x, self.activate(normed(x, feed) @ self.up), self.down)


def normed(x: Float[Tensor, "*rows D"], by: Affine | None = None) -> Float[Tensor, "*rows D"]:
    """Return x with a root mean square of 1, then scaled and shifted."""
    unit = F.rms_norm(x, x.shape[-1:])
    return torch.addcmul(by[1], unit, by[0]) if by else unit


def rotate(x: Float[Tensor, "*rows N H"], cosine: Tensor, sine: Tensor) -> Float[Tensor, "*rows N H"]:
    """Return x with its halves turned as the real and imaginary parts of complex numbers.

    cosine, sine: of `rotation`, broadcast over heads; the sines of the first half with a minus
    """
    return x * cosine + x.roll(x.shape[-1] // 2, -1) * sine


def _computed(weight: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return a weight in what it is computed in."""
    return weight.float() if weight.device.type == "cpu" else weight


def _folded(weight: Float[Tensor, "out D"], gain: Float[Tensor, " D"]) -> Float[Tensor, "D out"]:
    return (_computed(weight) * _computed(gain)).T.contiguous()


def _padded(weight: Float[Tensor, "D V"], *, to: int) -> Float[Tensor, "D W"]:
    """Return the columns, and zeros after them."""
    return F.pad(weight, (0, to - weight.shape[1]))


def _up_to_multiple(size: int, *, of: int) -> int:
    return -(-size // of) * of


def _same(a: Tensor, b: Tensor) -> Bool[Tensor, " B"]:
    """Return which rows are equal, where NaN, which asks for nothing, equals itself."""
    return ((a == b) | ((a != a) & (b != b))).all(1)
