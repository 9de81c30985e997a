"""A causal transformer, and its stream with a preallocated cache."""

from __future__ import annotations

from typing import Literal, cast

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from genwright.backbones.conditioning import Conditioning
from genwright.errors import OptionError
from genwright.readings import Condition
from genwright.space import ConditionSpace, Tokens

__all__ = ["Transformer", "TransformerStream"]


class Transformer(nn.Module):
    """A causal transformer: rotary positions, RMS norms before each part and of queries and keys, tied embeddings.

    width:      of the residual stream, D
    depth:      number of blocks
    heads:      query heads, N
    shared:     query heads that share one key and value head; 1 for ordinary attention
    expansion:  F / D, the widening of the feed-forward part
    activation: "relu2" (two matrices) or "swiglu" (three)

    Sources: Vaswani et al. (2017), arXiv:1706.03762; Su et al. (2021), arXiv:2104.09864 (rotary positions); Henry et
    al. (2020), arXiv:2010.04245 (query and key norm); Shazeer (2019, 2020), arXiv:1911.02150 (shared heads),
    arXiv:2002.05202 (SwiGLU); So et al. (2021), arXiv:2109.08668 (squared ReLU).
    """

    def __init__(
        self,
        *,
        space: Tokens,
        conditions: ConditionSpace,
        width: int = 256,
        depth: int = 6,
        heads: int = 8,
        shared: int = 1,
        expansion: int = 4,
        activation: Literal["relu2", "swiglu"] = "relu2",
    ) -> None:
        super().__init__()
        _check_sizes(width=width, depth=depth, heads=heads, shared=shared, expansion=expansion)
        self.space = space
        self.start = space.vocab_size
        # One more row than the vocabulary: the start token, which is never predicted.
        self.embedding = nn.Embedding(space.vocab_size + 1, width)
        self.conditioning = Conditioning(conditions, width=width)
        self.blocks = nn.ModuleList(
            Block(width=width, heads=heads, shared=shared, hidden=expansion * width, activation=activation)
            for _ in range(depth)
        )
        self.norm = nn.RMSNorm(width)
        cosine, sine = rotation(space.size, width // heads)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)

    cosine: Tensor
    sine: Tensor

    def forward(self, tokens: Int64[Tensor, "B T"], condition: Condition) -> Float[Tensor, "B T V"]:
        """Return the logits that follow each token; the first token of a row is `start`."""
        x = self.embedding(tokens) + self.conditioning(condition)[:, None]
        rotary = self.cosine[: tokens.shape[1]], self.sine[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x, *rotary)
        return self.logits(x)

    def logits(self, x: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows V"]:
        """Return the logits of final activations."""
        return F.linear(self.norm(x), self.embedding.weight[: self.space.vocab_size])

    def open(self, condition: Condition) -> TransformerStream:
        """Return a stream of as many rows as the condition has."""
        return TransformerStream(self, condition)


class Block(nn.Module):
    """Attention, then a feed-forward part, each added to the residual stream."""

    def __init__(self, *, width: int, heads: int, shared: int, hidden: int, activation: str) -> None:
        super().__init__()
        self.norm_attention, self.norm_feed = nn.RMSNorm(width), nn.RMSNorm(width)
        self.attention = Attention(width=width, heads=heads, shared=shared)
        self.feed = {"relu2": SquaredReLU, "swiglu": SwiGLU}[activation](width, hidden)

    def forward(self, x: Float[Tensor, "B T D"], cosine: Tensor, sine: Tensor) -> Float[Tensor, "B T D"]:
        """Return the stream after this block."""
        x = x + self.attention(self.norm_attention(x), cosine, sine)
        return cast(Tensor, x + self.feed(self.norm_feed(x)))


class Attention(nn.Module):
    """Causal attention, over a whole sequence or over a cache."""

    def __init__(self, *, width: int, heads: int, shared: int) -> None:
        super().__init__()
        self.head, self.heads, self.kept = width // heads, heads, heads // shared
        self.inward = nn.Linear(width, self.head * (heads + 2 * self.kept), bias=False)
        self.outward = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.outward.weight)

    def project(self, x: Tensor, cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, [*rows, heads, H], turned to their positions."""
        inward = self.inward(x).unflatten(-1, (-1, self.head))
        turned, v = torch.split(inward, [self.heads + self.kept, self.kept], -2)
        turned = F.rms_norm(turned, (self.head,))
        turned = rotate(turned, cosine[..., None, :], sine[..., None, :])
        q, k = torch.split(turned, [self.heads, self.kept], -2)
        return q, k, v

    def forward(self, x: Float[Tensor, "B T D"], cosine: Tensor, sine: Tensor) -> Float[Tensor, "B T D"]:
        """Return what each position gathers from itself and those before it."""
        q, k, v = (part.transpose(1, 2) for part in self.project(x, cosine, sine))
        gathered = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.kept < self.heads)
        return cast(Tensor, self.outward(gathered.transpose(1, 2).flatten(2)))

    def step(
        self,
        x: Float[Tensor, "B D"],
        cosine: Tensor,
        sine: Tensor,
        cache: tuple[Tensor, Tensor],
        at: Tensor,
        mask: Tensor,
    ) -> Float[Tensor, "B D"]:
        """Return what the newest position gathers, after writing its key and value to the cache.

        The products run over the whole padded cache in one shape: SDPA with a single query gives bits that depend on
        a row's place in the batch.
        """
        keys, values = cache
        q, k, v = self.project(x, cosine, sine)
        rows = torch.arange(len(x), device=x.device)
        keys[rows, :, at], values[rows, :, at] = k, v
        q_BKGH = q.reshape(len(q), self.kept, -1, self.head) * self.head**-0.5
        weights_BKGS = (q_BKGH @ keys.mT + mask).softmax(-1)
        return cast(Tensor, self.outward((weights_BKGS @ values).flatten(1)))


class SquaredReLU(nn.Module):
    """A feed-forward part with the square of max(x, 0)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, hidden, bias=False), nn.Linear(hidden, width, bias=False)
        nn.init.zeros_(self.down.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the part's output."""
        return cast(Tensor, self.down(F.relu(self.up(x)).square()))


class SwiGLU(nn.Module):
    """A feed-forward part gated by SiLU; hidden is cut to two thirds, so that it has as many weights as SquaredReLU."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        hidden = 2 * hidden // 3
        self.up, self.down = nn.Linear(width, 2 * hidden, bias=False), nn.Linear(hidden, width, bias=False)
        nn.init.zeros_(self.down.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the part's output."""
        gate, value = self.up(x).chunk(2, -1)
        return cast(Tensor, self.down(F.silu(gate) * value))


class TransformerStream:
    """Rows being drawn, each at a position of its own, so that a finished row can start anew beside running ones."""

    def __init__(self, network: Transformer, condition: Condition) -> None:
        self._network = network
        rows, weight = len(condition), network.embedding.weight
        # Whole multiples of 16 positions keep the products' bits independent of where a row lies.
        length = -(-network.space.size // 16) * 16
        first = cast(Block, network.blocks[0]).attention
        shape = (len(network.blocks), 2, rows, first.kept, length, first.head)
        self._cache = weight.new_zeros(shape)
        self._at = torch.zeros(rows, dtype=torch.int64, device=weight.device)
        self._mask = weight.new_full((length, length), -torch.inf).triu(1)
        self._asked = network.conditioning(condition.to(weight.device))

    @torch.inference_mode()
    def step(self, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """Return the logits that follow, given one more token a row."""
        network, at = self._network, self._at
        x = network.embedding(tokens) + self._asked
        cosine, sine, mask = network.cosine[at], network.sine[at], self._mask[at][:, None, None]
        for block, cache in zip(network.blocks, self._cache, strict=True):
            block = cast(Block, block)
            x = x + block.attention.step(block.norm_attention(x), cosine, sine, (cache[0], cache[1]), at, mask)
            x = x + block.feed(block.norm_feed(x))
        self._at = (at + 1).clamp(max=network.space.size - 1)
        return network.logits(x)

    @torch.inference_mode()
    def restart(self, rows: Bool[Tensor, " B"], condition: Condition) -> None:
        """Begin these rows anew. What their cache held is masked until it is written again."""
        asked = self._network.conditioning(condition.to(self._asked.device))
        self._asked = torch.where(rows[:, None], asked, self._asked)
        self._at = torch.where(rows, 0, self._at)


def rotation(length: int, head: int) -> tuple[Float[Tensor, "T half"], Float[Tensor, "T half"]]:
    """Return the cosines and sines of rotary positions, base 10,000."""
    rate = 10_000.0 ** (-torch.arange(0, head, 2).float() / head)
    angle = torch.arange(length).float()[:, None] * rate
    return angle.cos(), angle.sin()


def rotate(x: Float[Tensor, "*rows N H"], cosine: Tensor, sine: Tensor) -> Float[Tensor, "*rows N H"]:
    """Return x with its halves turned as the real and imaginary parts of complex numbers."""
    a, b = x.chunk(2, -1)
    return torch.cat((a * cosine - b * sine, a * sine + b * cosine), -1)


def _check_sizes(*, width: int, depth: int, heads: int, shared: int, expansion: int) -> None:
    for name, size in (
        ("width", width),
        ("depth", depth),
        ("heads", heads),
        ("shared", shared),
        ("expansion", expansion),
    ):
        if size < 1:
            raise OptionError(f"a transformer's {name} is 1 or more; got {size}. Choose a larger one.")
    if width % heads or (width // heads) % 2 or heads % shared:
        raise OptionError(
            f"a transformer needs width = heads x an even head width, and heads a multiple of shared; "
            f"got width={width}, heads={heads}, shared={shared}. Change one of them."
        )
