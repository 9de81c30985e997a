"""A group norm and SiLU by Triton, in two passes over x.

The first gives the mean and the squared deviation of each channel over each run of places; these are put together, run
by run, to those of groups; the second norms. How places are cut depends on how many there are and on nothing else, so
the bits of a sample do not depend on its batch, and a few samples of many places keep a whole GPU busy.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from genwright.kernels.geglu.kernel import silu

__all__ = ["group_norm_silu", "groups_kernel", "norm_kernel", "runs_kernel"]

_PLACES, _CHANNELS = 64, 64
_ENTRIES = 8192
"""Of so many channels of runs a program puts a group together, at most: many runs are what keeps a GPU busy."""


def group_norm_silu(
    x: Tensor,
    groups: int,
    weight: Tensor,
    bias: Tensor,
    *,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """Return what the reference gives."""
    result = torch.empty_like(x)
    if not x.numel():
        return result
    batch, channels = x.shape[:2]
    places, width = x.numel() // (batch * channels), channels // groups
    strides = (places, 1) if x.is_contiguous() else (1, channels)
    tiles = triton.cdiv(places, _PLACES * max(_ENTRIES // width, 1))
    runs = triton.cdiv(places, _PLACES * tiles)
    block = min(_CHANNELS, triton.next_power_of_2(channels))
    across = triton.cdiv(channels, block)
    of_runs = torch.empty(batch, runs, channels, 2, dtype=torch.float32, device=x.device)
    of_groups = torch.empty(batch, groups, 2, dtype=torch.float32, device=x.device)
    sizes = {"PLACES": _PLACES, "CHANNELS": block, "enable_fp_fusion": False}
    runs_kernel[(batch * runs * across,)](of_runs, x, channels, places, *strides, runs, across, TILES=tiles, **sizes)
    groups_kernel[(batch * groups,)](
        *(of_groups, of_runs, channels, places, groups, width, runs, tiles * _PLACES, float(places * width), epsilon),
        BLOCK=(entries := triton.next_power_of_2(runs * width)),
        num_warps=min(max(entries // 512, 1), 16),
        enable_fp_fusion=False,
    )
    norm_kernel[(batch * triton.cdiv(places, _PLACES) * across,)](
        *(result, x, of_groups, weight, bias, scale, shift, channels, places, *strides, groups, width),
        *(triton.cdiv(places, _PLACES), across, *(0 if each is None else each.stride(0) for each in (scale, shift))),
        **sizes,
    )
    return result


@triton.jit
def runs_kernel(
    of_runs,
    x,
    channels,
    places,
    channel_stride,
    place_stride,
    runs,
    across,
    TILES: tl.constexpr,
    PLACES: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Write the mean and the squared deviation of some channels over a run of places, a tile after the other."""
    program = tl.program_id(0)
    channel = program % across * CHANNELS + tl.arange(0, CHANNELS)
    run, sample = program // across % runs, (program // across // runs).to(tl.int64)
    mean, square = tl.zeros([CHANNELS], tl.float32), tl.zeros([CHANNELS], tl.float32)
    seen = tl.zeros([CHANNELS], tl.float32)
    for tile in range(TILES):
        place = (run * TILES + tile) * PLACES + tl.arange(0, PLACES)
        mask = (place < places)[:, None] & (channel < channels)[None, :]
        at = sample * channels * places + place[:, None].to(tl.int64) * place_stride + channel[None, :] * channel_stride
        values = tl.load(x + at, mask=mask, other=0.0).to(tl.float32)
        here = tl.zeros_like(seen) + tl.sum((place < places).to(tl.float32), 0)
        middle = tl.div_rn(tl.sum(values, 0), tl.maximum(here, 1.0))
        apart = tl.where(mask, values - middle[None, :], 0.0)
        step, total = middle - mean, tl.maximum(seen + here, 1.0)
        mean += step * tl.div_rn(here, total)
        square += tl.sum(apart * apart, 0) + step * step * tl.div_rn(seen * here, total)
        seen += here
    to = of_runs + 2 * ((sample * runs + run) * channels + channel)
    tl.store(to, mean, mask=channel < channels)
    tl.store(to + 1, square, mask=channel < channels)


@triton.jit
def groups_kernel(
    of_groups, of_runs, channels, places, groups, width, runs, length, count, epsilon, BLOCK: tl.constexpr
):
    """Write the mean of a group and by what its deviations are multiplied."""
    group, sample = tl.program_id(0) % groups, (tl.program_id(0) // groups).to(tl.int64)
    entry = tl.arange(0, BLOCK)
    run, mask = entry // width, entry < runs * width
    at = of_runs + 2 * ((sample * runs + run) * channels + group * width + entry % width)
    means = tl.load(at, mask=mask, other=0.0)
    squares = tl.load(at + 1, mask=mask, other=0.0)
    sizes = tl.where(mask, tl.minimum(places - run * length, length), 0).to(tl.float32)
    whole = tl.zeros_like(means) + count
    mean = tl.sum(tl.div_rn(sizes * means, whole), 0)
    apart = tl.where(mask, means - mean, 0.0)
    variance = tl.sum(tl.div_rn(squares + sizes * apart * apart, whole), 0)
    to = of_groups + 2 * (sample * groups + group)
    tl.store(to, mean)
    tl.store(to + 1, tl.div_rn(tl.zeros_like(variance) + 1.0, tl.sqrt_rn(variance + epsilon)))


@triton.jit
def norm_kernel(
    result,
    x,
    of_groups,
    weight,
    bias,
    scale,
    shift,
    channels,
    places,
    channel_stride,
    place_stride,
    groups,
    width,
    along,
    across,
    scale_stride,
    shift_stride,
    PLACES: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Write a tile of some places and channels; pointers to what there is not are None."""
    program = tl.program_id(0)
    channel = program % across * CHANNELS + tl.arange(0, CHANNELS)
    place = program // across % along * PLACES + tl.arange(0, PLACES)
    sample = (program // across // along).to(tl.int64)
    known = channel < channels
    mask = (place < places)[:, None] & known[None, :]
    at = sample * channels * places + place[:, None].to(tl.int64) * place_stride + channel[None, :] * channel_stride
    dtype = result.dtype.element_ty
    of_group = of_groups + 2 * (sample * groups + channel // width)
    mean, factor = tl.load(of_group, mask=known, other=0.0), tl.load(of_group + 1, mask=known, other=0.0)
    gain = tl.load(weight + channel, mask=known, other=0.0).to(tl.float32)
    lift = tl.load(bias + channel, mask=known, other=0.0).to(tl.float32)
    values = tl.load(x + at, mask=mask, other=0.0).to(tl.float32)
    values = (values - mean[None, :]) * factor[None, :] * gain[None, :] + lift[None, :]
    values = values.to(dtype).to(tl.float32)
    if scale is not None:
        by = tl.load(scale + sample * scale_stride + channel, mask=known, other=0.0).to(tl.float32)
        term = tl.load(shift + sample * shift_stride + channel, mask=known, other=0.0).to(tl.float32)
        values = (term[None, :] + values * by[None, :]).to(dtype).to(tl.float32)
    tl.store(result + at, silu(values).to(dtype), mask=mask)
