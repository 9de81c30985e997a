"""Norms, rotations and the cache in plain PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from genwright.kernels.adaptive_norm.reference import EPSILON

__all__ = ["rotary_cache", "rotate"]


def rotary_cache(
    inward: Float[Tensor, "B NKK H"],
    cosine: Float[Tensor, "T H"],
    sine: Float[Tensor, "T H"],
    at: Int64[Tensor, " B"],
    keys: Float[Tensor, "B K S P"],
    values: Float[Tensor, "B K S P"],
) -> Float[Tensor, "B N P"]:
    """Return the queries of one token a row, having written its keys and values to the cache.

    Heads of queries and keys get a root mean square of 1 and are turned to the row's place. H numbers of a head are
    written where the cache has P, of which the rest stays, and stands as zeros behind those of the queries.

    inward:       heads of queries, of keys and of values, in this order
    cosine, sine: of each place; the sines of the first half of a head with a minus
    at:           the place of each row's token, below T and S
    keys, values: the cache, of whose dtype the queries are too

    Sources: Su et al. (2021), arXiv:2104.09864 (rotations); Henry et al. (2020), arXiv:2010.04245 (norms).
    """
    (rows, kept, size, wide), head = keys.shape, inward.shape[-1]
    turned, new = torch.split(inward, [inward.shape[1] - kept, kept], 1)
    turned = F.rms_norm(turned, (head,), eps=EPSILON)
    turned = rotate(turned, cosine[at][:, None], sine[at][:, None])
    queries, fresh = torch.split(turned, [turned.shape[1] - kept, kept], 1)
    lines = torch.arange(rows * kept, device=at.device) * size + at.repeat_interleave(kept, output_size=rows * kept)
    for cache, some in ((keys, fresh), (values, new)):
        cache.view(-1, wide)[:, :head].index_copy_(0, lines, some.flatten(0, 1).to(cache.dtype))
    return F.pad(queries, (0, wide - head)).to(keys.dtype)


def rotate(x: Float[Tensor, "*rows N H"], cosine: Tensor, sine: Tensor) -> Float[Tensor, "*rows N H"]:
    """Return x with its halves turned as the real and imaginary parts of complex numbers.

    cosine, sine: broadcast over heads; the sines of the first half with a minus
    """
    return x * cosine + x.roll(x.shape[-1] // 2, -1) * sine
