"""Gate, residual, norm and modulation by Triton: a program reads a row of channels once and writes it twice.

What the reference rounds to the dtype of its input is rounded here as well; sums are in float32, and the order in which
a row is summed depends on its width alone.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from genwright.kernels.adaptive_norm.reference import EPSILON

__all__ = ["adaptive_norm", "adaptive_norm_kernel"]


def adaptive_norm(
    x: Tensor,
    *,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    update: Tensor | None = None,
    gate: Tensor | None = None,
    weight: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return what the reference gives."""
    stream = x if update is None else torch.empty_like(x)
    normed = torch.empty_like(x)
    if x.numel():
        batch, length, width = x.shape
        block = triton.next_power_of_2(width)
        adaptive_norm_kernel[(batch * length,)](
            None if update is None else stream,
            normed,
            x,
            *(scale, shift, update, gate, weight),
            *(length, width),
            *(0 if each is None else each.stride(0) for each in (scale, shift, gate)),
            EPSILON=EPSILON,
            BLOCK=block,
            num_warps=4 if block <= 2048 else 16,
            enable_fp_fusion=False,
        )
    return stream, normed


@triton.jit
def adaptive_norm_kernel(
    stream,
    normed,
    x,
    scale,
    shift,
    update,
    gate,
    weight,
    length,
    width,
    scale_stride,
    shift_stride,
    gate_stride,
    EPSILON: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write a row of the stream and of its norm; pointers to what there is not are None."""
    row = tl.program_id(0).to(tl.int64)
    sample = row // length
    channels = tl.arange(0, BLOCK)
    mask = channels < width
    dtype = normed.dtype.element_ty
    here = tl.load(x + row * width + channels, mask=mask, other=0.0).to(tl.float32)
    if update is not None:
        added = tl.load(update + row * width + channels, mask=mask, other=0.0).to(tl.float32)
        if gate is not None:
            by = tl.load(gate + sample * gate_stride + channels, mask=mask, other=0.0).to(tl.float32)
            added = (by * added).to(dtype).to(tl.float32)
        here = (here + added).to(dtype).to(tl.float32)
        tl.store(stream + row * width + channels, here.to(dtype), mask=mask)
    square = tl.sum(here * here, 0)
    # Triton takes a width of 1 for a constant, which has no dtype to convert from.
    square = tl.div_rn(square, tl.zeros_like(square) + width)
    unit = tl.div_rn(here, tl.sqrt_rn(square + EPSILON)).to(dtype).to(tl.float32)
    if scale is not None:
        factor = tl.load(scale + sample * scale_stride + channels, mask=mask, other=0.0).to(tl.float32)
        term = tl.load(shift + sample * shift_stride + channels, mask=mask, other=0.0).to(tl.float32)
        unit = (term + unit * factor).to(dtype).to(tl.float32)
    if weight is not None:
        unit = unit * tl.load(weight + channels, mask=mask, other=0.0).to(tl.float32)
    tl.store(normed + row * width + channels, unit.to(dtype), mask=mask)
