"""A step of a sampler by Triton, in one pass: each number is read and written once, and noise stays in registers.

Each operation is rounded as in the reference, so launches leave the fusion of products and sums off.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from genwright.kernels.philox_normal.kernel import four_normals, interleaved, signed
from genwright.kernels.sampler_step.coefficients import COLUMNS
from genwright.seeds import Noise

__all__ = ["sampler_step", "sampler_step_kernel"]

_BLOCK = 256


def sampler_step(
    x: Tensor,
    clean: Tensor,
    coefficients: Tensor,
    row: int,
    *,
    before: Tensor | None = None,
    unasked: Tensor | None = None,
    limits: tuple[float, float] | None = None,
    noise: Noise | None = None,
    draw: int = 0,
    corrects: bool = False,
    keep: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Return what the reference gives."""
    changed = unasked is not None or limits is not None
    result = torch.empty_like(x)
    kept = torch.empty_like(x) if keep and changed else None
    if x.numel():
        # Without noise, rows do not matter.
        rows = 1 if noise is None else len(x)
        tiles = triton.cdiv(x.numel() // rows, 4 * _BLOCK)
        key = (0, 0) if noise is None else noise.key("step")
        sampler_step_kernel[(rows * tiles,)](
            result,
            kept,
            x,
            clean,
            before,
            unasked,
            coefficients,
            None if noise is None else noise.samples,
            row * COLUMNS,
            x.numel() // rows,
            tiles,
            0 if noise is None else noise.samples.stride(0),
            signed(draw),
            *map(signed, key),
            *(limits or (0.0, 0.0)),
            CLAMP=limits is not None,
            CORRECTS=corrects,
            BLOCK=_BLOCK,
            enable_fp_fusion=False,
        )
    return result, (kept if changed else clean) if keep else None


@triton.jit(do_not_specialize=["row", "draw", "key_low", "key_high"])
def sampler_step_kernel(
    result,
    kept,
    x,
    clean,
    before,
    unasked,
    coefficients,
    samples,
    row,
    count,
    tiles,
    sample_stride,
    draw,
    key_low,
    key_high,
    low,
    high,
    CLAMP: tl.constexpr,
    CORRECTS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Make a tile of 4 BLOCK numbers of one sample go a step; pointers to what there is not are None."""
    sample, tile = tl.program_id(0) // tiles, tl.program_id(0) % tiles
    within = tile * (4 * BLOCK) + tl.arange(0, 4 * BLOCK)
    mask = within < count
    places = sample.to(tl.int64) * count + within
    numbers = coefficients + row
    here = tl.load(x + places, mask=mask)
    now = tl.load(clean + places, mask=mask)
    if unasked is not None:
        nothing = tl.load(unasked + places, mask=mask)
        now = nothing + tl.load(numbers + 6) * (now - nothing)
    if CLAMP:
        now = tl.clamp(now, low, high, propagate_nan=tl.PropagateNan.ALL)
    if kept is not None:
        tl.store(kept + places, now, mask=mask)
    if CORRECTS:
        then = tl.load(before + places, mask=mask)
        moved = _corrected(here, now, then, numbers)
    else:
        ahead = now
        if before is not None:
            ahead = now + tl.load(numbers + 1) * (now - tl.load(before + places, mask=mask))
        moved = ahead + tl.load(numbers) * (here - ahead)
    if samples is not None:
        name = tl.load(samples + sample.to(tl.int64) * sample_stride)
        drawn = interleaved(*four_normals(tile * BLOCK + tl.arange(0, BLOCK), draw, name, key_low, key_high))
        moved = moved + tl.load(numbers + 2) * drawn
    tl.store(result + places, moved, mask=mask)


@triton.jit
def _corrected(x, clean, before, numbers):
    ahead = before + tl.load(numbers) * (x - before)
    first = tl.div_rn(x - before, tl.load(numbers + 4))
    second = tl.div_rn(ahead - clean, tl.load(numbers + 5))
    return x + tl.load(numbers + 3) * (first + second)
