"""What attention means, in plain PyTorch."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int32
from torch import Tensor

from genwright.errors import OptionError, ShapeError

__all__ = ["attention", "check", "longest_of", "seen"]


def attention(
    q: Float[Tensor, "B N T H"],
    k: Float[Tensor, "B K S H"],
    v: Float[Tensor, "B K S H"],
    *,
    bias: Float[Tensor, "#B #N #T #S"] | None = None,
    starts: Int32[Tensor, " ends"] | None = None,
    longest: int | None = None,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
) -> Float[Tensor, "B N T H"]:
    """Return what each query gathers from the values of the keys that it sees, by the softmax of its scores.

    q, k, v: N query heads; each N / K of them, next to each other, share one of K key and value heads
    bias:    added to the scores; a key of which the bias is -infinity is not seen
    starts:  where sequences packed along T = S of one row begin, rising from 0, and at last T; None for one sequence
             a row. Queries see keys of their own sequence only
    longest: the length of the longest sequence, or more; None looks whether starts are right, which waits for a GPU
    causal:  queries see no keys after them. The last query stands at the last key, so with T > S the first see none
    window:  queries see keys fewer than this many positions away; None for all
    scale:   of products of queries and keys; H ** -0.5 if None

    Sums are in float32, or float64 if the inputs are. A query that sees no key gathers zeros. A query, a seen key or
    its bias that is NaN, or a score of +infinity, makes all of a query's result NaN; a seen value that is not finite
    makes its feature of the result not finite. What is not seen does not reach a result, whatever it is.

    Raises ShapeError if heads, axes or starts do not fit, OptionError if a window or scale is not above 0.
    Sources: Vaswani et al. (2017), arXiv:1706.03762; Ainslie et al. (2023), arXiv:2305.13245 (shared heads).
    """
    check(q, k, v, bias=bias, starts=starts, window=window, scale=scale)
    if starts is not None and longest is None:
        longest_of(starts, q.shape[2])
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    exact = torch.promote_types(q.dtype, torch.float32)
    shared = q.shape[1] // max(k.shape[1], 1)
    wide_q, wide_k, wide_v = q.to(exact), *(x.to(exact).repeat_interleave(shared, 1) for x in (k, v))
    scores = wide_q @ wide_k.mT * scale
    if bias is not None:
        scores = scores + bias.to(exact)
    mask = seen(q.shape[2], k.shape[2], starts=starts, causal=causal, window=window, device=q.device)
    return _gathered(scores.masked_fill(~mask, -math.inf), wide_v).to(q.dtype)


def seen(
    queries: int,
    keys: int,
    *,
    starts: Int32[Tensor, " ends"] | None,
    causal: bool,
    window: int | None,
    device: torch.device | None = None,
) -> Bool[Tensor, "T S"]:
    """Return which keys each query sees, by positions; what is masked by a bias aside."""
    place = torch.arange(queries, device=device)[:, None] + (keys - queries)
    ahead = torch.arange(keys, device=device) - place
    mask = torch.ones_like(ahead, dtype=torch.bool)
    if causal:
        mask &= ahead <= 0
    if window is not None:
        mask &= ahead.abs() < window
    if starts is not None:
        sequence = torch.bucketize(torch.arange(keys, device=device), starts, right=True)
        mask &= sequence[:, None] == sequence
    return mask


def check(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    bias: Tensor | None,
    starts: Tensor | None,
    window: int | None,
    scale: float | None,
) -> None:
    """Raise ShapeError or OptionError unless arguments of attention fit each other, by all but the values of starts."""
    if k.shape[1] == 0 != q.shape[1] or (k.shape[1] and q.shape[1] % k.shape[1]):
        raise ShapeError(
            f"attention needs query heads in groups of one size, one for each key and value head; got {q.shape[1]} "
            f"query heads and {k.shape[1]} key heads. Take a number of key heads that divides {q.shape[1]}."
        )
    if not (k.shape == v.shape and q.shape[0] == k.shape[0] and q.shape[3] == k.shape[3]):
        raise ShapeError(
            "attention needs queries [B, N, T, H], and keys and values [B, K, S, H]; got "
            f"{list(q.shape)}, {list(k.shape)} and {list(v.shape)}. Bring them to the same B and H."
        )
    if starts is not None and not (q.shape[0] == 1 and q.shape[2] == k.shape[2] and len(starts) > 0):
        raise ShapeError(
            "packed attention needs one row, as many queries as keys, and starts of sequences with their end; got "
            f"queries {list(q.shape)}, keys {list(k.shape)} and {len(starts)} starts. Lay the sequences end to end."
        )
    if window is not None and window < 1:
        raise OptionError(f"a window is 1 key or more; got {window}. Use window=None for all keys.")
    if scale is not None and not 0 < scale < math.inf:
        raise OptionError(f"scores are scaled by a number above 0; got {scale}. Use scale=None for H ** -0.5.")


def longest_of(starts: Int32[Tensor, " ends"], length: int) -> int:
    """Return the length of the longest of sequences packed along a length; it waits for the GPU.

    Raises ShapeError if starts do not rise from 0 to the length.
    """
    lengths = starts.diff()
    wrong = (starts[0] != 0) | (starts[-1] != length) | (lengths < 0).any()
    if wrong:
        raise ShapeError(
            f"starts of packed sequences rise from 0 to the number of positions, {length}; got "
            f"{starts[:8].tolist()}{'...' if len(starts) > 8 else ''}. Take cumulative lengths with a 0 before them."
        )
    return int(lengths.max()) if len(lengths) else 0


def _gathered(scores: Float[Tensor, "B N T S"], v: Float[Tensor, "B N S H"]) -> Float[Tensor, "B N T H"]:
    """Return values by the softmax of scores, those of which the score is -infinity being left out."""
    hidden = scores == -math.inf
    blind = hidden.all(-1, keepdim=True)
    weights = scores.masked_fill(blind, 0.0).softmax(-1).masked_fill(blind, 0.0)
    # Zero times NaN is NaN: values that are not finite are put aside, and spoil only the queries that see them.
    finite = v.isfinite()
    spoiled = (~hidden).to(v.dtype) @ (~finite).to(v.dtype) > 0
    return (weights @ v.masked_fill(~finite, 0.0)).masked_fill(spoiled, math.nan)
