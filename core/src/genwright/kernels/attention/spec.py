"""The operation `attention`: what a query gathers does not depend on the rows beside it, in Triton and numba.

Results differ from the reference's by the rounding of weights to the inputs' dtype before they multiply values. A value
that is not finite may spoil the results of more queries of its sequence than those that see it, never of another's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import torch
from torch import Tensor

from genwright.kernels.attention import pytorch, reference
from genwright.kernels.operation import Implementation, Operation
from genwright.kernels.platforms import differentiated, off_processor, off_triton, unlike, without_gpu
from genwright.kernels.spec import Call, Spec

__all__ = ["SPEC", "TOLERANCES", "attention", "off_heads"]

TOLERANCES = {torch.float32: 2e-6, torch.float16: 1e-3, torch.bfloat16: 8e-3}
"""How far kernels of attention may be from their references, by the dtypes that they take."""

_PYTORCH = "genwright.kernels.attention.pytorch"
# What flash and cuDNN take on Hopper; of wider heads, a block of keys is more than the first caches of processors hold.
_WIDEST = 256
# Of wider heads in float32, registers do not hold a tile: ten times as slow as plain PyTorch on Hopper.
_WIDEST_SINGLE = 64
# Up to so many keys it pays to keep scores for a backward pass, on a processor that multiplies bfloat16. Tables say
# what is fastest forward; it is said here, since they are written again.
_KEPT = 512


def off_heads(q: Tensor, k: Tensor, v: Tensor) -> str | None:
    """Return the reason why kernels of attention cannot take the heads of some tensors, or None if they can."""
    width = q.shape[-1]
    if not 32 <= width <= 128 or width % 8:
        return f"it takes heads of a width of 32 to 128, in steps of 8; got {width}"
    return unlike(TOLERANCES, q, k, v)


def _off_triton(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    bias: Tensor | None = None,
    starts: Tensor | None = None,
    **others: Any,
) -> str | None:
    if q.dtype == torch.float32 and q.shape[-1] > _WIDEST_SINGLE:
        return f"of float32 it takes heads of up to {_WIDEST_SINGLE} numbers; got {q.shape[-1]}"
    return off_heads(q, k, v) or off_triton(q, k, v, bias, starts)


def _of_one_dtype(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> str | None:
    dtypes = {x.dtype for x in (q, k, v, bias) if x is not None}
    if len(dtypes) > 1 or not q.dtype.is_floating_point:
        return f"it takes tensors of one dtype of numbers; got {', '.join(sorted(map(str, dtypes)))}"
    if not (q.numel() and k.numel()):
        return "it takes one query and one key or more"
    return None


def _off_sdpa(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    bias: Tensor | None = None,
    starts: Tensor | None = None,
    causal: bool = False,
    window: int | None = None,
    **others: Any,
) -> str | None:
    if window is not None or starts is not None:
        return "it has neither windows nor packed sequences"
    if causal and q.shape[2] != k.shape[2]:
        return f"its first query stands at the first key, not its last at the last; got {q.shape[2]} and {k.shape[2]}"
    return _of_one_dtype(q, k, v, bias)


def _off_efficient(q: Tensor, k: Tensor, v: Tensor, **others: Any) -> str | None:
    if q.device.type != "cuda":
        return f"it runs on GPUs; tensors are on {q.device}"
    if q.shape[-1] % 8 or q.shape[-1] > _WIDEST:
        return f"it takes heads of up to {_WIDEST} numbers, a multiple of 8; got {q.shape[-1]}"
    return _off_sdpa(q, k, v, **others)


def _off_flash(q: Tensor, k: Tensor, v: Tensor, *, bias: Tensor | None = None, **others: Any) -> str | None:
    if q.dtype not in (torch.float16, torch.bfloat16):
        return f"it takes float16 and bfloat16; got {q.dtype}"
    return "it takes no bias" if bias is not None else _off_efficient(q, k, v, **others)


def _of_pytorch(name: str, arguments: Callable[..., str | None], *, gpu: bool = False) -> Implementation[...]:
    platform = {"platform": without_gpu} if gpu else {}
    return Implementation(name=name, target=f"{_PYTORCH}:{name}", invariant=False, arguments=arguments, **platform)


def _off_products(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    bias: Tensor | None = None,
    starts: Tensor | None = None,
    **others: Any,
) -> str | None:
    if starts is not None:
        return "it would multiply queries with keys of other sequences; packed ones have other implementations"
    if k.shape[2] > _KEPT and differentiated(q, k, v, bias) and not _off_sdpa(q, k, v, bias=bias, **others):
        return f"for gradients it would keep all scores, which PyTorch's own need not; got {k.shape[2]} keys a query"
    return _of_one_dtype(q, k, v, bias)


def _off_loops(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    bias: Tensor | None = None,
    starts: Tensor | None = None,
    **others: Any,
) -> str | None:
    if reason := unlike(TOLERANCES, q, k, v):
        return reason
    if not 1 <= q.shape[-1] <= _WIDEST:
        return f"it takes heads of a width of up to {_WIDEST}; got {q.shape[-1]}"
    return differentiated(q, k, v, bias) or off_processor(q, k, v, bias, starts)


def _case(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    bias: Tensor | None = None,
    starts: Tensor | None = None,
    causal: bool = False,
    window: int | None = None,
    **others: Any,
) -> str:
    """Return the dtype, the kind of mask, and the width and length, rounded up to those that are measured."""
    kinds = {"causal": causal, "window": window is not None, "bias": bias is not None, "packed": starts is not None}
    width = next((size for size in (16, 32, 64, 128) if q.shape[-1] <= size), "wider")
    length = next((size for size in (64, 256, 1024) if k.shape[2] <= size), "longer")
    said = [name for name, is_so in kinds.items() if is_so] or ["dense"]
    return f"{str(q.dtype).removeprefix('torch.')} {' '.join(said)} D{width} S{length}"


def _compiled(q: Tensor, k: Tensor, v: Tensor, **others: Any) -> Tensor:
    """Return attention by what torch.compile has a kernel for, else by the reference."""
    serves = reference.attention if _off_sdpa(q, k, v, **others) else pytorch.sdpa
    return serves(q, k, v, **others)


def _inputs(
    heads: int, kept: int, queries: int, keys: int, width: int, dtype: torch.dtype, device: torch.device, rows: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    noise = torch.Generator().manual_seed(heads * queries + width)
    shapes = (rows, heads, queries, width), *[(rows, kept, keys, width)] * 2
    q, k, v = (torch.randn(shape, generator=noise).to(device, dtype) for shape in shapes)
    return q, k, v


def _awkward(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    def call(name: str, heads: int, kept: int, queries: int, keys: int, width: int, **keywords: Any) -> Call:
        return Call(name=name, args=_inputs(heads, kept, queries, keys, width, dtype, device), keywords=keywords)

    def bias(*shape: int) -> Tensor:
        return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))).to(device, dtype)

    starts = torch.tensor([0, 3, 3, 70, 80], dtype=torch.int32, device=device)
    yield call("one query, one key", 1, 1, 1, 1, 32)
    yield call("odd lengths", 2, 2, 70, 99, 64)
    yield call("a whole tile", 1, 1, 128, 128, 32, scale=0.3)
    yield call("causal, a width that is no power of two, shared heads", 4, 2, 75, 75, 40, causal=True)
    yield call("causal, fewer queries than keys", 1, 1, 5, 70, 32, causal=True)
    yield call("causal, more queries than keys: some see none", 1, 1, 70, 5, 32, causal=True)
    yield call("a window", 1, 1, 140, 140, 32, window=20)
    yield call("a causal window of two", 1, 1, 70, 70, 32, window=2, causal=True)
    yield call("a bias of all heads", 2, 1, 40, 70, 32, bias=bias(1, 1, 40, 70))
    yield call("a bias of keys, causal, in a window", 2, 1, 70, 70, 32, bias=bias(1, 2, 1, 70), causal=True, window=40)
    yield call("packed, one of them empty", 2, 1, 80, 80, 32, starts=starts, causal=True)
    yield call("packed, with a bias", 1, 1, 80, 80, 32, starts=starts, bias=bias(1, 1, 80, 80))
    yield call("wide heads", 1, 1, 33, 70, 128)
    strided = (x.mT.contiguous().mT for x in _inputs(2, 2, 40, 40, 32, dtype, device, rows=2))
    yield Call(name="heads not in one piece", args=tuple(strided))
    yield call("no query", 2, 1, 0, 5, 32)
    yield call("no key", 2, 1, 5, 0, 32)


def _usual(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    small = device.type == "cpu"
    widths, lengths = ((32, 64), (64, 256, 1024)) if small else ((64, 128), (256, 2048, 4096))
    # In float32 a GPU attends to few.
    some = lengths if small or dtype != torch.float32 else lengths[:1]
    channels, places = (384, 1024) if small else (2048, 16_384)
    for width, causal, length in product(widths, (False, True), some):
        heads = channels // width
        args = _inputs(heads, heads, length, length, width, dtype, device, rows=places // length)
        kind = "causal" if causal else "dense"
        yield Call(name=f"{kind}, heads of {width}, {length:,} positions", args=args, keywords={"causal": causal})
    heads, length = (6, 256) if small else (16, 1024)
    args = _inputs(heads, heads, length, length, 64, dtype, device, rows=4)
    bias = torch.zeros(1, heads, length, length, dtype=dtype, device=device)
    yield Call(name=f"a bias, heads of 64, {length:,} positions", args=args, keywords={"bias": bias})


def _traffic(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    bias: Tensor | None = None,
    starts: Tensor | None = None,
    **others: Any,
) -> int:
    return 2 * q.nbytes + k.nbytes + v.nbytes + sum(x.nbytes for x in (bias, starts) if x is not None)


def _work(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    starts: Tensor | None = None,
    causal: bool = False,
    window: int | None = None,
    **others: Any,
) -> int:
    """Return the operations of both products over the keys that are seen."""
    pairs = reference.seen(q.shape[2], k.shape[2], starts=starts, causal=causal, window=window, device=q.device).sum()
    return 4 * q.shape[0] * q.shape[1] * q.shape[3] * int(pairs)


attention = Operation(
    name="attention",
    reference=reference.attention,
    # Matrix products of PyTorch sum in another order when there are fewer rows.
    invariant=False,
    others=(
        Implementation.in_triton("attention", _off_triton),
        Implementation.in_numba("attention", _off_loops),
        _of_pytorch("sdpa", _off_sdpa),
        _of_pytorch("products", _off_products),
        _of_pytorch("cudnn", _off_flash, gpu=True),
        _of_pytorch("flash", _off_flash, gpu=True),
        _of_pytorch("efficient", _off_efficient, gpu=True),
    ),
    compiled=_compiled,
    case=_case,
    usual=("sdpa",),
)
"""What each query gathers from the values of the keys that it sees, as `attention.reference.attention` says."""

SPEC = Spec(
    operation=attention,
    contract="close",
    tolerances=TOLERANCES,
    awkward=_awkward,
    usual=_usual,
    traffic=_traffic,
    work=_work,
)
