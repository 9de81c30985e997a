"""Unit normals by Triton, a multiple of four at a time, since Philox gives four words.

Each operation is rounded as in `genwright.seeds`, so launches leave the fusion of products and sums off. A kernel that
draws as it goes takes `four_normals` or `four_words` from here.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from genwright.seeds import Noise

__all__ = [
    "four_normals",
    "four_words",
    "interleaved",
    "log",
    "philox_normal",
    "philox_normal_kernel",
    "signed",
    "uniform",
]

_BLOCK = 256


def philox_normal(seed: int, purpose: str, samples: Tensor, step: int | Tensor, count: int) -> Tensor:
    """Return what the reference gives."""
    result = torch.empty(len(samples), count, device=samples.device)
    if result.numel():
        tiles = triton.cdiv(count, 4 * _BLOCK)
        given = isinstance(step, Tensor)
        philox_normal_kernel[(len(samples) * tiles,)](
            result,
            samples,
            step if isinstance(step, Tensor) else signed(step),
            count,
            tiles,
            samples.stride(0),
            step.stride(0) if isinstance(step, Tensor) else 0,
            *map(signed, Noise(seed, samples).key(purpose)),
            STEPS=given,
            BLOCK=_BLOCK,
            enable_fp_fusion=False,
        )
    return result


def signed(word: int) -> int:
    """Return the lower 32 bits of a number as a signed one, so that Triton takes every key for an int32."""
    return (word + 2**31) % 2**32 - 2**31


@triton.jit(do_not_specialize=["step", "key_low", "key_high"])
def philox_normal_kernel(
    result,
    samples,
    step,
    count,
    tiles,
    sample_stride,
    step_stride,
    key_low,
    key_high,
    STEPS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write a tile of 4 BLOCK normals of one row."""
    row, tile = tl.program_id(0) // tiles, tl.program_id(0) % tiles
    sample = tl.load(samples + row.to(tl.int64) * sample_stride)
    at = tl.load(step + row.to(tl.int64) * step_stride) if STEPS else step
    blocks = tile * BLOCK + tl.arange(0, BLOCK)
    values = interleaved(*four_normals(blocks, at, sample, key_low, key_high))
    places = tile * (4 * BLOCK) + tl.arange(0, 4 * BLOCK)
    tl.store(result + row.to(tl.int64) * count + places, values, mask=places < count)


@triton.jit
def interleaved(first, second, third, fourth):
    """Return first[0], second[0], third[0], fourth[0], first[1] and so on."""
    return tl.interleave(tl.interleave(first, third), tl.interleave(second, fourth))


@triton.jit
def four_normals(blocks, step, sample, key_low, key_high):
    """Return the normals 4 b to 4 b + 3 of a sample, for each block b of them, as `four_words` takes them."""
    w0, w1, w2, w3 = four_words(blocks, step, sample, key_low, key_high)
    first, second = _pair(w0, w1)
    third, fourth = _pair(w2, w3)
    return first, second, third, fourth


@triton.jit
def four_words(blocks, step, sample, key_low, key_high):
    """Return the words 4 b to 4 b + 3 of a sample, for each block b of them.

    blocks: int32; step and sample: integers of which the lower 32 and 64 bits count; the key: two int32
    """
    b = blocks.to(tl.uint32)
    c1 = tl.zeros_like(b) + step.to(tl.uint32)
    c2 = tl.zeros_like(b) + sample.to(tl.uint32)
    c3 = tl.zeros_like(b) + (sample >> 32).to(tl.uint32)
    k0, k1 = key_low.to(tl.uint32, bitcast=True), key_high.to(tl.uint32, bitcast=True)
    return tl.philox_impl(b, c1, c2, c3, k0, k1)


@triton.jit
def _pair(first, second):
    radius = tl.sqrt_rn(-2.0 * log(uniform(first)))
    cosine, sine = _unit_circle(uniform(second))
    return radius * cosine, radius * sine


@triton.jit
def uniform(word):
    """Return a number between 0 and 1 of a word."""
    return ((word >> 9).to(tl.float32) + 0.5) * 1.1920928955078125e-07


@triton.jit
def log(x):
    """Return the natural logarithm of positive numbers."""
    # 0x3F3504F3 are the bits of the float32 next to the square root of one half.
    bits = x.to(tl.int32, bitcast=True) - 0x3F3504F3
    exponent = (bits >> 23).to(tl.float32)
    fraction = ((bits & 0x7FFFFF) + 0x3F3504F3).to(tl.float32, bitcast=True)
    s = tl.div_rn(fraction - 1.0, fraction + 1.0)
    z = s * s
    series = z * (z * (z * (z * (1 / 9) + 1 / 7) + 1 / 5) + 1 / 3)
    return exponent * 0.693359375 + (exponent * -2.12194440e-4 + (2.0 * s + 2.0 * s * series))


@triton.jit
def _unit_circle(turn):
    quarters = turn * 4.0
    nearest = tl.floor(quarters + 0.5)
    x = (quarters - nearest) * 1.57079632679
    z = x * x
    sine = x + x * z * (z * (z * (z * (1 / 362880) - 1 / 5040) + 1 / 120) - 1 / 6)
    cosine = 1.0 + z * (z * (z * (z * (1 / 40320) - 1 / 720) + 1 / 24) - 0.5)
    quadrant = nearest.to(tl.int32) & 3
    swap = (quadrant & 1) == 1
    c, s = tl.where(swap, sine, cosine), tl.where(swap, cosine, sine)
    c = tl.where((quadrant == 1) | (quadrant == 2), -c, c)
    return c, tl.where(quadrant >= 2, -s, s)
