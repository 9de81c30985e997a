"""The operation `adaptive_norm`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from genwright.kernels.adaptive_norm import reference
from genwright.kernels.operation import Implementation, Operation
from genwright.kernels.platforms import differentiated, off_processor, off_triton
from genwright.kernels.spec import Call, Spec
from genwright.seeds import Noise

__all__ = ["SPEC", "adaptive_norm"]

_TOLERANCES = {torch.float32: 5e-7, torch.float16: 1.5e-3, torch.bfloat16: 1.2e-2}
# A row is held in registers.
_WIDEST = 16_384
_NARROWEST = 16
_WORK = 12


def _off_triton(x: Tensor, **given: Tensor | None) -> str | None:
    return _unfit(x, **given) or off_triton(x, *given.values())


def _off_loops(x: Tensor, **given: Tensor | None) -> str | None:
    if x.dtype != torch.float32 or x.shape[-1] < _NARROWEST:
        return f"it takes float32, {_NARROWEST} channels or more; got {x.dtype}, {x.shape[-1]}"
    return _unfit(x, **given) or off_processor(x, *given.values())


def _unfit(
    x: Tensor,
    *,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    update: Tensor | None = None,
    gate: Tensor | None = None,
    weight: Tensor | None = None,
) -> str | None:
    wide = [tensor for tensor in (x, update) if tensor is not None]
    rows = [tensor for tensor in (scale, shift, gate) if tensor is not None]
    every = [*wide, *rows, *([] if weight is None else [weight])]
    if len({tensor.dtype for tensor in every}) > 1 or x.dtype not in _TOLERANCES:
        return "it takes tensors that are all float32, float16 or bfloat16"
    if x.ndim != 3 or x.shape[2] > _WIDEST:
        return f"it takes [B, T, D] with D up to {_WIDEST:,}; got {[*x.shape]}"
    if (scale is None) != (shift is None):
        return "it takes a scale and a shift, or neither"
    if any(tensor.shape != (x.shape[0], 1, x.shape[2]) for tensor in rows):
        return f"it takes a row of {x.shape[2]} channels a sample; got {[[*tensor.shape] for tensor in rows]}"
    if any(tensor.shape != x.shape for tensor in wide) or (weight is not None and weight.shape != x.shape[2:]):
        return "it takes an update like x and a weight for each channel"
    if any(not tensor.is_contiguous() for tensor in wide) or any(tensor.stride(-1) != 1 for tensor in every):
        return "it takes contiguous tensors, of which rows may be parts of a larger one"
    return differentiated(*every)


def _awkward(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    for shape in ((1, 1, 1), (2, 3, 5), (3, 4, 96), (2, 1, 1030), (0, 3, 8), (2, 0, 8)):
        yield from _calls(shape, dtype, device)
    x = torch.tensor([1.0, torch.nan, -2.0, 3.0, torch.inf, 1.0, 1e-12, 0.0, 0.0], dtype=dtype, device=device)
    yield Call(name="what is not finite, and next to nothing", args=(x.view(1, 3, 3),))


def _usual(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    small, large = ((16, 64, 384), (4, 256, 1024)), ((64, 64, 384), (16, 1024, 1024), (1, 4216, 4096))
    for shape in small if device.type == "cpu" else large:
        yield from _calls(shape, dtype, device)


def _calls(shape: tuple[int, int, int], dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    noise = Noise(1, torch.arange(shape[0], device=device))
    x, update = (
        noise.normal("example", step, shape[1] * shape[2]).reshape(shape).to(dtype).contiguous() for step in (0, 1)
    )
    scale, shift, gate = noise.normal("example", 2, 3 * shape[2]).to(dtype)[:, None].chunk(3, -1)
    weight = torch.linspace(0.5, 2.0, shape[2], device=device).to(dtype)
    by = {"scale": scale, "shift": shift}
    for name, keywords in (
        ("norm", {}),
        ("modulated", by),
        ("added", {"update": update, "weight": weight}),
        ("all", {**by, "update": update, "gate": gate, "weight": weight}),
    ):
        yield Call(name=f"{name} of {list(shape)}", args=(x,), keywords=keywords)


def _traffic(x: Tensor, **keywords: Any) -> int:
    update = keywords.get("update")
    rows: int = sum(tensor.nbytes for name, tensor in keywords.items() if tensor is not None and name != "update")
    return (2 if update is None else 4) * x.nbytes + rows


def _work(x: Tensor, **keywords: Any) -> int:
    return _WORK * x.numel()


adaptive_norm = Operation(
    name="adaptive_norm",
    reference=reference.adaptive_norm,
    invariant=True,
    compiled=reference.adaptive_norm,
    others=(
        Implementation.in_triton("adaptive_norm", _off_triton),
        Implementation.in_numba("adaptive_norm", _off_loops),
    ),
    usual=("numba",),
)
"""Gate, residual, norm and modulation, as `genwright.kernels.adaptive_norm.reference` says."""

SPEC = Spec(
    operation=adaptive_norm,
    contract="close",
    tolerances=_TOLERANCES,
    awkward=_awkward,
    usual=_usual,
    traffic=_traffic,
    work=_work,
)
