"""The operation `linear`: in numba a row's bits depend on the row and the weight only, not even on the processor.

In oneDNN they were the same beside any other rows where two or more were given, as tests hold of multiples of 16.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genwright.kernels.linear import reference
from genwright.kernels.linear.packed import Packed
from genwright.kernels.operation import Implementation, Operation
from genwright.kernels.platforms import differentiated, off_processor
from genwright.kernels.spec import Call, Spec

__all__ = ["SPEC", "linear"]

_TOLERANCES = {torch.float32: 1e-6, torch.float16: 6e-4, torch.bfloat16: 5e-3}
_OPERATORS = ("_linear_pointwise", "_reorder_linear_weight")


def _without_onednn() -> str | None:
    """Return the reason why this PyTorch cannot lay weights out for oneDNN; its operators for that are private."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return "PyTorch was built without oneDNN"
    missing = [name for name in _OPERATORS if not hasattr(torch.ops.mkldnn, name)]
    return f"this PyTorch has no operator mkldnn.{missing[0]}" if missing else None


def _off_onednn(x: Tensor, packed: Packed) -> str | None:
    if x.dtype not in (torch.float32, torch.bfloat16) or packed.weight.dtype != x.dtype:
        return f"it takes float32 or bfloat16; got {x.dtype} and a weight of {packed.weight.dtype}"
    if x.dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return "oneDNN has no bfloat16 on this processor"
    if len(x) < 2:
        return f"it takes 2 rows or more; got {len(x)}"
    if not all(packed.weight.shape):
        return f"it takes weights that are not empty; got {list(packed.weight.shape)}"
    return off_processor(x, packed.weight) or differentiated(x, packed.weight, packed.bias)


def _off_loops(x: Tensor, packed: Packed) -> str | None:
    if x.dtype not in _TOLERANCES or packed.weight.dtype != x.dtype:
        return f"it takes one dtype of 16 bits, or float32; got {x.dtype} and a weight of {packed.weight.dtype}"
    if packed.weight.shape[0] < 4 or packed.weight.shape[1] < 16:
        return f"it takes weights of 4 outputs and 16 inputs or more; got {list(packed.weight.shape)}"
    return off_processor(x, packed.weight) or differentiated(x, packed.weight, packed.bias)


def _case(x: Tensor, packed: Packed) -> str:
    """Return the dtype, and the number of rows, rounded up to those that are measured."""
    rows = next((str(size) for size in (1, 16, 64) if len(x) <= size), "more")
    return f"{str(x.dtype).removeprefix('torch.')} M{rows}"


def _call(rows: int, size: int, width: int, dtype: torch.dtype, device: torch.device, *, bias: bool = False) -> Call:
    noise = torch.Generator().manual_seed(size + width)
    shapes = (rows, width), (size, width), (size,)
    x, weight, added = (torch.randn(shape, generator=noise).to(device, dtype) for shape in shapes)
    packed = Packed(weight=weight * width**-0.5, bias=added if bias else None)
    return Call(name=f"{rows} rows, {width:,} to {size:,}{' with a bias' if bias else ''}", args=(x, packed))


def _awkward(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    for rows, size, width in ((1, 4, 16), (1, 5, 17), (3, 7, 95), (2, 66, 64), (16, 9, 130), (0, 8, 32)):
        for bias in (False, True):
            yield _call(rows, size, width, dtype, device, bias=bias)


def _usual(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    for rows in (1, 16, 64, 128):
        for width, size in ((384, 1152), (384, 384), (384, 1536), (1536, 384)):
            yield _call(rows, size, width, dtype, device)


def _traffic(x: Tensor, packed: Packed) -> int:
    bias = 0 if packed.bias is None else packed.bias.nbytes
    return x.nbytes + packed.weight.nbytes + bias + len(x) * len(packed.weight) * x.element_size()


def _work(x: Tensor, packed: Packed) -> int:
    return 2 * len(x) * packed.weight.numel()


linear = Operation(
    name="linear",
    reference=reference.linear,
    # On processors the libraries of PyTorch take other ways for other numbers of rows.
    invariant=False,
    others=(
        Implementation(
            name="onednn",
            target="genwright.kernels.linear.onednn:linear",
            # It leaves a row alone to others, which give it other bits.
            invariant=False,
            platform=_without_onednn,
            arguments=_off_onednn,
        ),
        Implementation.in_numba("linear", _off_loops),
    ),
    case=_case,
)
"""Products of rows with a weight, as `linear.reference.linear` says."""

SPEC = Spec(
    operation=linear,
    contract="close",
    tolerances=_TOLERANCES,
    awkward=_awkward,
    usual=_usual,
    traffic=_traffic,
    work=_work,
)
"""Products of rows with one weight after another, as when tokens are drawn."""
