"""Cross-entropy by Triton: a program a row, which goes over the tokens in chunks.

A pass finds the largest logit, a second the sum of exponentials; the gradient takes a third, from the two numbers kept
of each row. Logits are read as they are, so that none is ever copied to float32.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from genwright.errors import MismatchError
from genwright.kernels.cross_entropy.reference import IGNORED

__all__ = ["cross_entropy", "gradient_kernel", "losses_kernel", "write_gradient", "write_losses"]

_BLOCK, _LEAST_BLOCK, _A_WARP = 4096, 16, 512


def cross_entropy(logits: Tensor, targets: Tensor, *, ignored: int = IGNORED, in_place: bool = False) -> Tensor:
    """Return what the reference gives."""
    # The gradient of a leaf is kept beside the leaf.
    losses: Tensor = _CrossEntropy.apply(logits, targets, ignored, in_place and not logits.is_leaf)
    return losses


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, ignored: int, in_place: bool) -> Tensor:
        losses, sums = write_losses(logits, targets, ignored)
        ctx.save_for_backward(logits, targets, sums)
        ctx.ignored, ctx.in_place, ctx.spent = ignored, in_place, False
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_losses: Tensor) -> tuple[Tensor | None, ...]:
        logits, targets, sums = ctx.saved_tensors
        if ctx.spent:
            raise MismatchError(
                "cross_entropy was to keep its logits for a second backward pass; with in_place=True the first has "
                "overwritten them. Leave in_place out."
            )
        ctx.spent = ctx.in_place
        gradient = logits.detach() if ctx.in_place else torch.empty_like(logits)
        write_gradient(gradient, logits, sums, d_losses, targets, ctx.ignored)
        return gradient, None, None, None


def write_losses(logits: Tensor, targets: Tensor, ignored: int) -> tuple[Tensor, Tensor]:
    """Return what each row costs, [M], and its largest logit and the logarithm of the sum of exponentials, [M, 2]."""
    rows, width = logits.shape
    losses = torch.empty(rows, dtype=torch.float32, device=logits.device)
    sums = torch.empty(rows, 2, dtype=torch.float32, device=logits.device)
    if rows:
        losses_kernel[(rows,)](
            *(losses, sums, logits, targets, width, logits.stride(0), targets.stride(0), ignored), **_cut(width)
        )
    return losses, sums


def write_gradient(
    gradient: Tensor, logits: Tensor, sums: Tensor, d_losses: Tensor, targets: Tensor, ignored: int
) -> None:
    """Write the gradient of the logits, which may be in their place, by that of each row."""
    rows, width = logits.shape
    if rows:
        gradient_kernel[(rows,)](
            *(gradient, logits, sums, d_losses, targets, width, gradient.stride(0), logits.stride(0)),
            *(d_losses.stride(0), targets.stride(0), ignored),
            **_cut(width),
        )


def _cut(width: int) -> dict[str, Any]:
    block = min(_BLOCK, max(_LEAST_BLOCK, triton.next_power_of_2(width)))
    return {"BLOCK": block, "num_warps": max(1, min(8, block // _A_WARP)), "enable_fp_fusion": False}


@triton.jit(do_not_specialize=["ignored"])
def losses_kernel(losses, sums, logits, targets, width, logits_stride, targets_stride, ignored, BLOCK: tl.constexpr):
    """Write what one row costs, and its two numbers."""
    row, lanes = tl.program_id(0).to(tl.int64), tl.arange(0, BLOCK)
    line = logits + row * logits_stride
    most, total = tl.full([BLOCK], float("-inf"), tl.float32), tl.zeros([BLOCK], tl.float32)
    for start in range(0, width, BLOCK):
        places = start + lanes
        most = tl.maximum(most, tl.load(line + places, mask=places < width, other=float("-inf")).to(tl.float32))
    top = tl.max(most, 0)
    for start in range(0, width, BLOCK):
        places = start + lanes
        x = tl.load(line + places, mask=places < width, other=float("-inf")).to(tl.float32)
        total += tl.exp(x - top)
    log = tl.log(tl.sum(total, 0))
    target = tl.load(targets + row * targets_stride)
    known = (target >= 0) & (target < width)
    x = tl.load(line + target, mask=known, other=float("nan")).to(tl.float32)
    tl.store(losses + row, tl.where(target == ignored, 0.0, log - (x - top)))
    tl.store(sums + 2 * row, top)
    tl.store(sums + 2 * row + 1, log)


@triton.jit(do_not_specialize=["ignored"])
def gradient_kernel(
    gradient,
    logits,
    sums,
    d_losses,
    targets,
    width,
    gradient_stride,
    logits_stride,
    losses_stride,
    targets_stride,
    ignored,
    BLOCK: tl.constexpr,
):
    """Write the gradient of one row, a chunk as soon as it was read."""
    row, lanes = tl.program_id(0).to(tl.int64), tl.arange(0, BLOCK)
    top, log = tl.load(sums + 2 * row), tl.load(sums + 2 * row + 1)
    target = tl.load(targets + row * targets_stride)
    by = tl.where(target == ignored, 0.0, tl.load(d_losses + row * losses_stride).to(tl.float32))
    for start in range(0, width, BLOCK):
        places = start + lanes
        mask = places < width
        x = tl.load(logits + row * logits_stride + places, mask=mask, other=0.0).to(tl.float32)
        off = tl.exp(x - top - log) - (places == target).to(tl.float32)
        tl.store(gradient + row * gradient_stride + places, (by * off).to(gradient.dtype.element_ty), mask=mask)
