"""A causal transformer."""

from __future__ import annotations

from typing import Literal, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from genwright.backbones.conditioning import Conditioning
from genwright.backbones.stream import UNMODULATED, Affine, Modulated, TransformerStream, normed
from genwright.errors import OptionError
from genwright.kernels.attention.spec import attention
from genwright.kernels.geglu.spec import geglu
from genwright.kernels.rotary_cache.reference import rotate
from genwright.readings import Condition
from genwright.space import ConditionSpace, Tokens

__all__ = ["Block", "Transformer", "rotation"]


class Transformer(nn.Module):
    """A causal transformer: rotary positions, RMS norms before each part and of queries and keys, tied embeddings.

    What is asked for is added to each embedding, and scales and shifts the input of either part of every block.

    width:      of the residual stream, D
    depth:      number of blocks
    heads:      query heads, N
    shared:     query heads that share one key and value head; 1 for ordinary attention
    expansion:  F / D, the widening of the feed-forward part
    activation: "relu2" (two matrices) or "swiglu" (three)
    dropout:    the share of features that a part's output loses in training, the same along a row

    Sources: Vaswani et al. (2017), arXiv:1706.03762; Su et al. (2021), arXiv:2104.09864 (rotary positions); Henry et
    al. (2020), arXiv:2010.04245 (query and key norm); Shazeer (2019, 2020), arXiv:1911.02150 (shared heads),
    arXiv:2002.05202 (SwiGLU); So et al. (2021), arXiv:2109.08668 (squared ReLU); Chen et al. (2023),
    arXiv:2310.00426 (one modulation for all blocks); Gal and Ghahramani (2015), arXiv:1512.05287 (dropout along a row).
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
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check_share(dropout)
        _check_sizes(width=width, depth=depth, heads=heads, shared=shared, expansion=expansion)
        self.space = space
        self.start = space.vocab_size
        # One more row than the vocabulary: the start token, which is never predicted.
        self.embedding = nn.Embedding(space.vocab_size + 1, width)
        self.conditioning = Conditioning(conditions, width=width)
        self.modulation = Modulation(width) if conditions.names else None
        self.blocks = nn.ModuleList(
            Block(
                width=width,
                heads=heads,
                shared=shared,
                hidden=expansion * width,
                activation=activation,
                dropout=dropout,
            )
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
        asked = self.conditioning(condition)[:, None]
        modulated = self.modulation(asked) if self.modulation else UNMODULATED
        x = self.embedding(tokens) + asked
        rotary = self.cosine[: tokens.shape[1]], self.sine[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x, modulated, *rotary)
        return self.logits(x)

    def logits(self, x: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows V"]:
        """Return the logits of final activations."""
        return F.linear(self.norm(x), self.embedding.weight[: self.space.vocab_size])

    def open(self, condition: Condition) -> TransformerStream:
        """Return a stream of as many rows as the condition has."""
        return TransformerStream(self, condition)


class Modulation(nn.Module):
    """Turns what is asked for into a scale and a shift of the input of either part, the same in every block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 4 * width, bias=False)
        nn.init.zeros_(self.linear.weight)

    def forward(self, asked: Float[Tensor, "*rows D"]) -> Modulated:
        """Return the scale and the shift of attention's input, then those of the feed-forward part's."""
        scale_attend, shift_attend, scale_feed, shift_feed = self.linear(F.silu(asked)).chunk(4, -1)
        return (1 + scale_attend, shift_attend), (1 + scale_feed, shift_feed)


class Block(nn.Module):
    """Attention, then a feed-forward part, each added to the residual stream."""

    def __init__(
        self, *, width: int, heads: int, shared: int, hidden: int, activation: str, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.norm_attention, self.norm_feed = Norm(width), Norm(width)
        self.attention = Attention(width=width, heads=heads, shared=shared)
        self.feed = SquaredReLU(width, hidden) if activation == "relu2" else SwiGLU(width, hidden)

    def forward(
        self, x: Float[Tensor, "B T D"], modulated: Modulated, cosine: Tensor, sine: Tensor
    ) -> Float[Tensor, "B T D"]:
        """Return the stream after this block."""
        attend, feed = modulated
        _, hidden = self.norm_attention(x, attend)
        x, hidden = self.norm_feed(x, feed, update=self._thinned(self.attention(hidden, cosine, sine)))
        return x + self._thinned(self.feed(hidden))

    def _thinned(self, x: Tensor) -> Tensor:
        """Return x, in training without some of its features."""
        if not (self.training and self.dropout):
            return x
        return x * F.dropout(x.new_ones(len(x), 1, x.shape[-1]), self.dropout)


class Norm(nn.Module):
    """An RMS norm of a stream, to which something may be added before.

    The norm may be scaled and shifted by what is asked for before its gain is applied.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        by: Affine | None,
        *,
        update: Float[Tensor, "B T D"] | None = None,
        gate: Float[Tensor, "B 1 D"] | None = None,
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B T D"]]:
        """Return the stream with what is added to it, multiplied by the gate, and its norm."""
        return normed(x, by, self.weight, update=update, gate=gate)


class Attention(nn.Module):
    """Causal attention with norms of queries and keys."""

    def __init__(self, *, width: int, heads: int, shared: int) -> None:
        super().__init__()
        self.head, self.heads, self.kept = width // heads, heads, heads // shared
        self.inward = nn.Linear(width, self.head * (heads + 2 * self.kept), bias=False)
        self.outward = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.outward.weight)

    def project(self, x: Float[Tensor, "B T D"], cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, [B, T, heads, H], queries and keys turned to their positions."""
        inward = self.inward(x).unflatten(-1, (-1, self.head))
        turned, v = torch.split(inward, [self.heads + self.kept, self.kept], 2)
        turned = rotate(F.rms_norm(turned, (self.head,)), cosine[:, None], sine[:, None])
        q, k = torch.split(turned, [self.heads, self.kept], 2)
        return q, k, v

    def forward(self, x: Float[Tensor, "B T D"], cosine: Tensor, sine: Tensor) -> Float[Tensor, "B T D"]:
        """Return what each position gathers from itself and those before it."""
        return self.gathered(x, cosine, sine, causal=True)

    def gathered(self, x: Float[Tensor, "B T D"], cosine: Tensor, sine: Tensor, *, causal: bool) -> Tensor:
        """Return what each position gathers from all, or, if causal, from itself and those before it."""
        q, k, v = (part.transpose(1, 2) for part in self.project(x, cosine, sine))
        # Under autocast norms give more digits than the products that values come from.
        found = attention(q.to(v.dtype), k.to(v.dtype), v, causal=causal)
        return cast(Tensor, self.outward(found.transpose(1, 2).flatten(2)))


class SquaredReLU(nn.Module):
    """A feed-forward part with the square of max(x, 0)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, hidden, bias=False), nn.Linear(hidden, width, bias=False)
        nn.init.zeros_(self.down.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the part's output."""
        return cast(Tensor, self.down(self.activate(self.up(x))))

    @staticmethod
    def activate(hidden: Tensor) -> Tensor:
        """Return max(hidden, 0) squared."""
        return F.relu(hidden).square()


class SwiGLU(nn.Module):
    """A feed-forward part gated by SiLU; hidden is cut to two thirds, so that it has as many weights as SquaredReLU."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        hidden = 2 * hidden // 3
        self.up, self.down = nn.Linear(width, 2 * hidden, bias=False), nn.Linear(hidden, width, bias=False)
        nn.init.zeros_(self.down.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the part's output."""
        return cast(Tensor, self.down(self.activate(self.up(x))))

    @staticmethod
    def activate(hidden: Tensor) -> Tensor:
        """Return the second half, gated by the first."""
        return geglu(hidden, activation="silu")


def rotation(length: int, head: int) -> tuple[Float[Tensor, "T H"], Float[Tensor, "T H"]]:
    """Return the cosines and sines of rotary positions, base 10,000; sines of the first half with a minus."""
    rate = 10_000.0 ** (-torch.arange(0, head, 2).float() / head)
    angle = torch.arange(length).float()[:, None] * rate
    cosine, sine = angle.cos(), angle.sin()
    return torch.cat((cosine, cosine), -1), torch.cat((-sine, sine), -1)


def _check_share(dropout: float) -> None:
    if not 0 <= dropout < 1:
        raise OptionError(f"a transformer's dropout is from 0 to below 1; got {dropout}. Choose 0.1, or 0 for none.")


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
