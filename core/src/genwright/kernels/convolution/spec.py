"""The operation `convolution`: in numba the bits of a sample depend neither on others nor on threads.

There it multiplies a quarter as often and is rounded in another order: of 128 channels results are 2e-6 from exact ones
in float32, where those of PyTorch are 6e-7.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genwright.kernels.convolution import reference
from genwright.kernels.convolution.packed import Packed
from genwright.kernels.operation import Implementation, Operation
from genwright.kernels.platforms import differentiated, off_processor
from genwright.kernels.spec import Call, Spec

__all__ = ["SPEC", "TOGETHER", "convolution"]

TOGETHER = 16
"""What divides the channels that loops take."""

_TOLERANCES = {torch.float32: 1e-5, torch.float16: 6e-4, torch.bfloat16: 5e-3}


def _off_loops(x: Tensor, packed: Packed) -> str | None:
    kept, channels = packed.weight.shape[:2]
    if x.dtype not in _TOLERANCES or packed.weight.dtype != x.dtype:
        return f"it takes one dtype of 16 bits, or float32; got {x.dtype} and weights of {packed.weight.dtype}"
    if kept % TOGETHER or channels % TOGETHER:
        return f"it takes numbers of channels that {TOGETHER} divides; got {channels} and {kept}"
    if x.ndim != 4 or x.shape[1] != channels:
        return f"it takes [B, {channels}, Y, X] with such weights; got {[*x.shape]}"
    if not x.numel():
        return "it takes one place or more"
    return off_processor(x, packed.weight) or differentiated(x, packed.weight, packed.bias)


def _call(shape: tuple[int, int, int, int], kept: int, dtype: torch.dtype, device: torch.device, *, bias: bool) -> Call:
    noise = torch.Generator().manual_seed(sum(shape) + kept)
    shapes = shape, (kept, shape[1], 3, 3), (kept,)
    x, weight, added = (torch.randn(size, generator=noise).to(device, dtype) for size in shapes)
    packed = Packed(weight=weight * (9 * shape[1]) ** -0.5, bias=added if bias else None)
    given = x.contiguous(memory_format=torch.channels_last)
    return Call(name=f"{list(shape)} to {kept}{' with a bias' if bias else ''}", args=(given, packed))


def _awkward(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    for shape, kept in (((1, 16, 1, 1), 16), ((2, 16, 5, 7), 32), ((3, 48, 9, 4), 16), ((1, 3, 6, 6), 5)):
        for bias in (False, True):
            yield _call(shape, kept, dtype, device, bias=bias)
    yield _call((0, 16, 4, 4), 16, dtype, device, bias=True)


def _usual(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    for shape, kept in (((16, 64, 32, 32), 64), ((16, 128, 16, 16), 128), ((16, 192, 8, 8), 192)):
        yield _call(shape, kept, dtype, device, bias=True)


def _traffic(x: Tensor, packed: Packed) -> int:
    results = len(x) * len(packed.weight) * x.shape[2] * x.shape[3] * x.element_size()
    return x.nbytes + packed.weight.nbytes + results + (0 if packed.bias is None else packed.bias.nbytes)


def _work(x: Tensor, packed: Packed) -> int:
    return 2 * len(x) * x.shape[2] * x.shape[3] * packed.weight.numel()


convolution = Operation(
    name="convolution",
    reference=reference.convolution,
    # On processors the libraries of PyTorch take other ways for other numbers of rows.
    invariant=False,
    others=(Implementation.in_numba("convolution", _off_loops),),
    compiled=reference.convolution,
)
"""Convolutions of 3 by 3, as `convolution.reference.convolution` says."""

SPEC = Spec(
    operation=convolution,
    contract="close",
    tolerances=_TOLERANCES,
    awkward=_awkward,
    usual=_usual,
    traffic=_traffic,
    work=_work,
)
