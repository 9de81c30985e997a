"""Gated products by Triton, in one pass; the activation is rounded to the dtype of its input, as in the reference."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["geglu", "geglu_kernel", "silu"]

_BLOCK = 1024


def geglu(hidden: Tensor, *, activation: str = "gelu") -> Tensor:
    """Return what the reference gives."""
    half = hidden.shape[-1] // 2
    result = torch.empty(*hidden.shape[:-1], half, dtype=hidden.dtype, device=hidden.device)
    if result.numel():
        block = min(_BLOCK, triton.next_power_of_2(half))
        tiles = triton.cdiv(half, block)
        geglu_kernel[(result.numel() // half * tiles,)](
            result, hidden, half, tiles, SILU=activation == "silu", BLOCK=block, enable_fp_fusion=False
        )
    return result


@triton.jit
def geglu_kernel(result, hidden, half, tiles, SILU: tl.constexpr, BLOCK: tl.constexpr):
    """Write a tile of one row."""
    row, tile = (tl.program_id(0) // tiles).to(tl.int64), tl.program_id(0) % tiles
    channels = tile * BLOCK + tl.arange(0, BLOCK)
    mask = channels < half
    gate = tl.load(hidden + row * 2 * half + channels, mask=mask).to(tl.float32)
    value = tl.load(hidden + row * 2 * half + half + channels, mask=mask).to(tl.float32)
    active = silu(gate) if SILU else gate * 0.5 * (1.0 + tl.erf(gate * 0.7071067811865476))
    dtype = result.dtype.element_ty
    product = active.to(dtype).to(tl.float32) * value
    tl.store(result + row * half + channels, product.to(dtype), mask=mask)


@triton.jit
def silu(x):
    """Return x times its logistic function, in float32."""
    return tl.div_rn(x, 1.0 + tl.exp(-x))
