"""The operation `group_norm_silu`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from genwright.kernels.group_norm_silu import reference
from genwright.kernels.operation import Implementation, Operation
from genwright.kernels.platforms import differentiated, off_processor, off_triton
from genwright.kernels.spec import Call, Spec
from genwright.seeds import Noise

__all__ = ["SPEC", "group_norm_silu"]

_TOLERANCES = {torch.float32: 1e-6, torch.float16: 1.5e-3, torch.bfloat16: 1.2e-2}
# The channels of a group, times 64 runs of places, are held in registers.
_WIDEST = 128
# As many channels as a loop takes at once.
_TOGETHER = 16
_WORK = 20


def _off_triton(x: Tensor, groups: int, weight: Tensor, bias: Tensor, **others: Any) -> str | None:
    every = _every(x, weight, bias, **others)
    if len({tensor.dtype for tensor in every}) > 1 or x.dtype not in _TOLERANCES:
        return "it takes tensors that are all float32, float16 or bfloat16"
    if x.ndim < 2 or groups < 1 or x.shape[1] % groups or x.shape[1] > groups * _WIDEST:
        return f"it takes [B, C, ...] with up to {_WIDEST} channels a group; got {[*x.shape]} of {groups} groups"
    if reason := _unfit(x, weight, bias, **others):
        return reason
    if any(tensor.numel() and tensor.stride(-1) != 1 for tensor in every[1:]):
        return "it takes weights, biases, scales and shifts whose channels lie together"
    if not (x.is_contiguous() or _channels_last(x)):
        return "it takes contiguous tensors, or such with channels last"
    return differentiated(*every) or off_triton(*every)


def _off_loops(x: Tensor, groups: int, weight: Tensor, bias: Tensor, **others: Any) -> str | None:
    every = _every(x, weight, bias, **others)
    activations, weights = {tensor.dtype for tensor in (x, *every[3:])}, {weight.dtype, bias.dtype}
    # Autocast gives activations in bfloat16 and leaves weights in float32.
    if activations not in ({torch.float32}, {torch.bfloat16}) or weights not in (activations, {torch.float32}):
        return "it takes tensors that are all float32 or bfloat16, weights and biases in float32 with either"
    if x.ndim < 2 or groups < 1 or x.shape[1] % groups or x.shape[1] % _TOGETHER:
        return f"it takes [B, C, ...] with channels in steps of {_TOGETHER}; got {[*x.shape]} of {groups} groups"
    if reason := _unfit(x, weight, bias, **others):
        return reason
    if not _channels_last(x):
        return "it takes tensors with channels last"
    return differentiated(*every) or off_processor(*every)


def _unfit(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    *,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    epsilon: float = 1e-5,
) -> str | None:
    """Return the reason why arguments do not fit each other, or None if they do."""
    rows = [tensor for tensor in (scale, shift) if tensor is not None]
    if len(rows) == 1:
        return "it takes a scale and a shift, or neither"
    if any(tensor.shape != x.shape[:2] for tensor in rows) or any(t.shape != x.shape[1:2] for t in (weight, bias)):
        return "it takes a weight and a bias for each channel, a scale and a shift for each of a sample"
    return None


def _every(x: Tensor, weight: Tensor, bias: Tensor, **others: Any) -> list[Tensor]:
    """Return all tensors of a call."""
    return [x, weight, bias, *(others[name] for name in ("scale", "shift") if others.get(name) is not None)]


def _channels_last(x: Tensor) -> bool:
    return x.movedim(1, -1).is_contiguous()


def _awkward(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    for shape, groups in (
        ((2, 6, 5, 7), 3),
        ((1, 66, 9), 11),
        ((3, 4), 2),
        ((2, 4, 4200), 1),
        ((0, 4, 3), 2),
        ((3, 48, 9, 8), 6),
    ):
        x, given = _given(shape, dtype, device)
        last = x.movedim(1, -1).contiguous().movedim(-1, 1)
        by = {"scale": given[2], "shift": given[3]}
        for name, keywords in (("plain", {}), ("modulated", by)):
            for layout, values in (("", x), (", channels last", last)):
                args = (values, groups, given[0][0], given[1][0])
                yield Call(name=f"{name}, {list(shape)}, {groups} groups{layout}", args=args, keywords=keywords)
    flat = torch.full((1, 4, 5), 3.0, dtype=dtype, device=device)
    flat[0, 2] = torch.tensor([1.0, torch.inf, 0.0, torch.nan, 2.0], device=device)
    ones = torch.ones(4, dtype=dtype, device=device)
    yield Call(name="no deviation, and what is not finite", args=(flat, 2, ones, ones))


def _usual(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    small = ((16, 64, 32, 32), 8), ((4, 128, 32, 32), 32)
    large = ((64, 64, 32, 32), 8), ((16, 128, 64, 64), 32), ((1, 128, 1024, 1024), 32)
    for shape, groups in small if device.type == "cpu" else large:
        x, given = _given(shape, dtype, device)
        last = x.contiguous(memory_format=torch.channels_last)
        by = {"scale": given[2], "shift": given[3]}
        yield Call(name=f"modulated, {list(shape)}", args=(last, groups, given[0][0], given[1][0]), keywords=by)


def _given(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> tuple[Tensor, list[Tensor]]:
    """Return x, and weights, biases, scales and shifts."""
    noise = Noise(1, torch.arange(shape[0], device=device))
    x = (noise.normal("example", 0, torch.Size(shape[1:]).numel()) + 2).reshape(shape).to(dtype).contiguous()
    shared = Noise(2, torch.arange(1, device=device)).normal("example", 0, 2 * shape[1]).to(dtype).chunk(2, -1)
    return x, [*shared, *noise.normal("example", 1, 2 * shape[1]).to(dtype).chunk(2, -1)]


def _traffic(x: Tensor, groups: int, *args: Tensor, **keywords: Any) -> int:
    rows = [*args, keywords.get("scale"), keywords.get("shift")]
    return 3 * x.nbytes + sum(tensor.nbytes for tensor in rows if tensor is not None)


def _work(x: Tensor, groups: int, *args: Tensor, **keywords: Any) -> int:
    return _WORK * x.numel()


group_norm_silu = Operation(
    name="group_norm_silu",
    reference=reference.group_norm_silu,
    # PyTorch's differ in last bits by where a sample lies, if it has odd sizes (on a CPU, torch 2.13).
    invariant=False,
    compiled=reference.group_norm_silu,
    others=(
        Implementation.in_triton("group_norm_silu", _off_triton),
        Implementation.in_numba("group_norm_silu", _off_loops),
    ),
)
"""A group norm and SiLU, as `genwright.kernels.group_norm_silu.reference` says."""

SPEC = Spec(
    operation=group_norm_silu,
    contract="close",
    tolerances=_TOLERANCES,
    awkward=_awkward,
    usual=_usual,
    traffic=_traffic,
    work=_work,
)
