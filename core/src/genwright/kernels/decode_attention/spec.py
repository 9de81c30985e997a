"""The operation `decode_attention`: in Triton and numba bits depend neither on other rows nor on the cache's length.

In numba they do not depend on the processor either.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genwright.kernels.attention.spec import TOLERANCES, off_heads
from genwright.kernels.decode_attention import reference
from genwright.kernels.operation import Implementation, Operation
from genwright.kernels.platforms import differentiated, off_processor, off_triton, unlike
from genwright.kernels.spec import Call, Spec

__all__ = ["SPEC", "decode_attention"]


def _off_triton(
    q: Tensor, k: Tensor, v: Tensor, *, lengths: Tensor | None = None, scale: float | None = None
) -> str | None:
    return differentiated(q, k, v) or off_heads(q, k, v) or off_triton(q, k, v, lengths)


def _off_loops(
    q: Tensor, k: Tensor, v: Tensor, *, lengths: Tensor | None = None, scale: float | None = None
) -> str | None:
    if reason := unlike(TOLERANCES, q, k, v):
        return reason
    if q.shape[-1] < 16:
        return f"it takes heads of a width of 16 or more; got {q.shape[-1]}"
    if not k.stride(-1) == v.stride(-1) == 1:
        return "it takes keys and values of which the last axis is dense"
    if lengths is not None and lengths.dtype != torch.int32:
        return f"it takes lengths of int32; got {lengths.dtype}"
    return off_processor(q, k, v, lengths) or differentiated(q, k, v)


def _off_products(
    q: Tensor, k: Tensor, v: Tensor, *, lengths: Tensor | None = None, scale: float | None = None
) -> str | None:
    if not (k.is_contiguous() and v.is_contiguous()):
        return "it takes caches whose heads, places and numbers lie one after another"
    return None if k.numel() else "it takes a cache of one place or more"


def _call(
    name: str, rows: int, heads: int, kept: int, size: int, width: int, dtype: torch.dtype, device: torch.device
) -> Call:
    noise = torch.Generator().manual_seed(size + width)
    shapes = (rows, heads, width), *[(rows, kept, size, width)] * 2
    return Call(name=name, args=tuple(torch.randn(shape, generator=noise).to(device, dtype) for shape in shapes))


def _awkward(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    yield _call("one key", 1, 1, 1, 1, 32, dtype, device)
    yield _call("one part", 1, 2, 2, 256, 32, dtype, device)
    yield _call("parts, shared heads, a width that is no power of two", 2, 6, 2, 300, 40, dtype, device)
    yield _call("wide heads", 1, 1, 1, 67, 128, dtype, device)
    args = _call("", 5, 2, 1, 530, 32, dtype, device).args
    lengths = torch.tensor([0, 1, 256, 257, 530], dtype=torch.int32, device=device)
    yield Call(name="rows of other lengths", args=args, keywords={"lengths": lengths, "scale": 0.3})
    q, k, v = _call("", 2, 2, 2, 70, 32, dtype, device).args
    inside = (x.transpose(1, 2).contiguous().transpose(1, 2) for x in (k, v))
    yield Call(name="a cache with the heads of a place together", args=(q, *inside))
    yield _call("no key", 2, 2, 1, 0, 32, dtype, device)
    yield _call("no row", 0, 2, 1, 9, 32, dtype, device)


def _usual(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    # On a processor one that its caches hold, and one that they do not.
    small, large = ((1, 1024), (64, 256)), ((1, 1024), (64, 256), (64, 1024), (16, 8192))
    for rows, size in small if device.type == "cpu" else large:
        yield _call(f"{rows} rows, 16 heads of 64, {size:,} keys", rows, 16, 16, size, 64, dtype, device)


def _seen(k: Tensor, lengths: Tensor | None) -> int:
    """Return how many keys are seen, of all rows."""
    return k.shape[0] * k.shape[2] if lengths is None else int(lengths.sum())


def _traffic(q: Tensor, k: Tensor, v: Tensor, *, lengths: Tensor | None = None, scale: float | None = None) -> int:
    cache = 2 * _seen(k, lengths) * k.shape[1] * k.shape[3] * k.element_size()
    return 2 * q.nbytes + cache + (0 if lengths is None else lengths.nbytes)


def _work(q: Tensor, k: Tensor, v: Tensor, *, lengths: Tensor | None = None, scale: float | None = None) -> int:
    return 4 * _seen(k, lengths) * q.shape[1] * q.shape[2]


decode_attention = Operation(
    name="decode_attention",
    reference=reference.decode_attention,
    # Matrix products of PyTorch sum in another order when there are fewer rows.
    invariant=False,
    others=(
        Implementation.in_triton("decode_attention", _off_triton),
        Implementation.in_numba("decode_attention", _off_loops),
        Implementation(
            name="products",
            target="genwright.kernels.decode_attention.pytorch:products",
            invariant=False,
            arguments=_off_products,
        ),
    ),
    usual=("numba", "products"),
)
"""What the query of each row gathers, as `decode_attention.reference.decode_attention` says."""

SPEC = Spec(
    operation=decode_attention,
    contract="close",
    tolerances=TOLERANCES,
    awkward=_awkward,
    usual=_usual,
    traffic=_traffic,
    work=_work,
)
