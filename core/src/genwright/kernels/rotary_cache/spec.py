"""The operation `rotary_cache`."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genwright.kernels.operation import Implementation, Operation
from genwright.kernels.platforms import differentiated, off_processor, off_triton
from genwright.kernels.rotary_cache import reference
from genwright.kernels.spec import Call, Spec

__all__ = ["SPEC", "rotary_cache"]

_TOLERANCES = {torch.float32: 1e-6, torch.bfloat16: 8e-3}
_WORK = 8


def _off_loops(inward: Tensor, cosine: Tensor, sine: Tensor, at: Tensor, keys: Tensor, values: Tensor) -> str | None:
    floats = (inward, cosine, sine, keys, values)
    if any(tensor.dtype != torch.float32 for tensor in floats) or at.dtype != torch.int64:
        return "it takes float32, and places of int64"
    if not inward.shape[-1] == cosine.shape[-1] == keys.shape[-1] or inward.shape[-1] % 32:
        return f"it takes heads of a width that 32 divides, which the cache has too; got {inward.shape[-1]}"
    if values.shape != keys.shape or sine.shape != cosine.shape or not len(at) == len(inward) == len(keys):
        return "it takes keys like values, sines like cosines, and a place a row"
    if not all(tensor.is_contiguous() for tensor in (*floats, at)):
        return "it takes tensors in one piece"
    return off_processor(*floats, at) or differentiated(*floats)


def _off_gpu(inward: Tensor, cosine: Tensor, sine: Tensor, at: Tensor, keys: Tensor, values: Tensor) -> str | None:
    floats = (inward, cosine, sine, keys, values)
    if not (all(tensor.is_floating_point() for tensor in floats) and at.dtype == torch.int64):
        return "it takes numbers, and places of int64"
    if any(tensor.dtype == torch.float64 for tensor in floats):
        return "it takes numbers of 32 bits or fewer; got torch.float64"
    if values.shape != keys.shape or sine.shape != cosine.shape or not len(at) == len(inward) == len(keys):
        return "it takes keys like values, sines like cosines, and a place a row"
    if not inward.shape[-1] == cosine.shape[-1] <= keys.shape[-1] or inward.shape[-1] % 2:
        return f"it takes heads of an even width, which rotations have too and the cache holds; got {inward.shape[-1]}"
    if inward.stride(-1) != 1 or not all(tensor.is_contiguous() for tensor in (cosine, sine, at, keys, values)):
        return "it takes heads, rotations, places and a cache in one piece"
    return off_triton(*floats, at) or differentiated(*floats)


def _call(
    name: str,
    rows: int,
    heads: int,
    kept: int,
    size: int,
    head: int,
    dtype: torch.dtype,
    device: torch.device,
    *,
    wide: int = 0,
) -> Call:
    noise = torch.Generator().manual_seed(head + rows)
    inward = torch.randn(rows, heads + 2 * kept, head, generator=noise).to(device, dtype)
    angle = torch.arange(size)[:, None] * torch.linspace(0.1, 1.0, head // 2)
    cosine, sine = angle.cos().repeat(1, 2).to(device), torch.cat((-angle.sin(), angle.sin()), 1).to(device)
    at = (torch.arange(rows, device=device) * 7) % size
    cache = [torch.zeros(rows, kept, size, wide or head, dtype=dtype, device=device) for _ in range(2)]
    return Call(name=name, args=(inward, cosine, sine, at, *cache))


def _awkward(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    yield _call("heads of 32", 3, 4, 4, 10, 32, dtype, device)
    yield _call("shared heads of 64", 5, 6, 2, 9, 64, dtype, device)
    yield _call("heads of 96, one row", 1, 1, 1, 1, 96, dtype, device)
    yield _call("heads of 6 in a cache of 8", 2, 4, 2, 5, 6, dtype, device, wide=8)
    yield _call("no row", 0, 4, 2, 5, 32, dtype, device)


def _usual(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    for rows in (1, 64, 128):
        yield _call(f"{rows} rows, 6 heads of 64", rows, 6, 6, 256, 64, dtype, device)


def _traffic(inward: Tensor, cosine: Tensor, *others: Tensor) -> int:
    return 2 * inward.nbytes + 2 * inward.shape[0] * cosine.shape[1] * cosine.element_size()


def _work(inward: Tensor, *others: Tensor) -> int:
    return _WORK * inward.numel()


rotary_cache = Operation(
    name="rotary_cache",
    reference=reference.rotary_cache,
    invariant=True,
    others=(
        Implementation.in_triton("rotary_cache", _off_gpu),
        Implementation.in_numba("rotary_cache", _off_loops),
    ),
    usual=("numba",),
    on_gpus=("triton",),
)
"""Norms, rotations and the cache, as `rotary_cache.reference.rotary_cache` says."""

SPEC = Spec(
    operation=rotary_cache,
    contract="close",
    tolerances=_TOLERANCES,
    awkward=_awkward,
    usual=_usual,
    traffic=_traffic,
    work=_work,
)
