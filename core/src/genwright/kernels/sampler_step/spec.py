"""The operation `sampler_step`: bits equal to the reference's on the same device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from genwright.kernels.operation import Implementation, Operation
from genwright.kernels.platforms import differentiated, off_triton
from genwright.kernels.sampler_step import reference
from genwright.kernels.sampler_step.coefficients import COLUMNS, ancestral, dpm_solver, euler, heun
from genwright.kernels.spec import Call, Spec
from genwright.seeds import Noise

__all__ = ["SPEC", "sampler_step"]

_SIGMAS = (80.0, 20.0, 5.0, 1.0, 0.1, 0.0)
_MOVE, _MORE, _CORRECTION, _NORMAL = 3, 3, 8, 50


def _off_triton(
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
) -> str | None:
    tensors = [tensor for tensor in (x, clean, before, unasked, coefficients) if tensor is not None]
    if any(tensor.dtype != torch.float32 for tensor in tensors):
        return f"it takes float32; got {', '.join(sorted({str(tensor.dtype) for tensor in tensors}))}"
    if any(not tensor.is_contiguous() for tensor in tensors):
        return "it takes contiguous tensors"
    if any(tensor.shape != x.shape for tensor in tensors[:-1]):
        return f"it takes tensors of one shape; got {', '.join(str([*tensor.shape]) for tensor in tensors[:-1])}"
    if not 0 <= row < len(coefficients) or coefficients.shape[1] != COLUMNS:
        return f"it takes a row of a table of {COLUMNS} columns; got row {row} of {[*coefficients.shape]}"
    if (corrects and before is None) or (noise is not None and len(noise) != len(x)):
        return "the reference does not take these arguments either"
    if x.numel() >= 2**31:
        return f"it takes up to 2^31 - 1 numbers; got {x.numel():,}"
    return differentiated(*tensors) or off_triton(*tensors, None if noise is None else noise.samples)


def _awkward(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    for shape in ((3, 1), (2, 5), (3, 3, 7, 11), (1, 1025), (2, 2, 33, 31), (0, 4)):
        yield from _calls(shape, device)
    special = torch.tensor([[1.0, torch.nan, torch.inf, -torch.inf, -0.0]], device=device)
    x, table = torch.ones_like(special), euler(_SIGMAS, guidance=2.0).to(device)
    yield Call(name="what is not finite", args=(x, special, table, 1), keywords={"unasked": special.flip(1)})
    limited = {"limits": (-1.0, 0.5), "keep": True}
    yield Call(name="what is not finite, clamped", args=(x, special, table, 1), keywords=limited)


def _usual(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    small, large = ((64, 3, 32, 32), (16, 4, 64, 64)), ((64, 3, 32, 32), (16, 4, 128, 128), (64, 3, 256, 256))
    for shape in small if device.type == "cpu" else large:
        yield from _calls(shape, device)


def _calls(shape: tuple[int, ...], device: torch.device) -> Iterator[Call]:
    tensors = _tensors(shape, device)
    for name, table, keywords in _ways(shape, device):
        given = {key: tensors.get(key, value) for key, value in keywords.items()}
        args = (tensors["x"], tensors["clean"], table.to(device), 2)
        yield Call(name=f"{name} of {list(shape)}", args=args, keywords=given)


def _ways(shape: tuple[int, ...], device: torch.device) -> Iterator[tuple[str, Tensor, dict[str, Any]]]:
    noise = Noise(7, torch.arange(5, 5 + shape[0], device=device))
    yield "euler", euler(_SIGMAS), {}
    yield "guided euler", euler(_SIGMAS, guidance=3.0), {"unasked": True}
    yield "clamped euler, kept", euler(_SIGMAS), {"limits": (-1.0, 0.5), "keep": True}
    yield "dpm", dpm_solver(_SIGMAS), {"before": True, "keep": True}
    yield "guided dpm", dpm_solver(_SIGMAS, guidance=2.0), {"before": True, "unasked": True, "keep": True}
    yield "ddpm", ancestral(_SIGMAS, eta=1.0), {"noise": noise, "draw": 2}
    everything = {"unasked": True, "limits": (-1.0, 1.0), "noise": noise, "draw": 2**31, "keep": True}
    yield "guided and clamped ddim", ancestral(_SIGMAS, eta=0.5, guidance=1.5), everything
    yield "heun ahead", heun(_SIGMAS), {"keep": True}
    corrects = {"before": True, "corrects": True}
    yield "heun corrects", heun(_SIGMAS)[1:], corrects
    yield "churned heun corrects", heun(_SIGMAS, raised=(80.0, 25.0, 6.0, 1.3, 0.1))[1:], corrects | {"noise": noise}


def _tensors(shape: tuple[int, ...], device: torch.device) -> dict[str, Tensor]:
    noise = Noise(1, torch.arange(shape[0], device=device))
    count = torch.Size(shape[1:]).numel()
    names = ("x", "clean", "before", "unasked")
    return {name: noise.normal("example", step, count).reshape(shape).contiguous() for step, name in enumerate(names)}


def _traffic(*args: Any, **keywords: Any) -> int:
    x: Tensor = args[0]
    read = 2 + sum(keywords.get(name) is not None for name in ("before", "unasked"))
    changed = keywords.get("unasked") is not None or keywords.get("limits") is not None
    written = 1 + (changed and bool(keywords.get("keep")))
    return (read + written) * x.nbytes + 4 * COLUMNS


def _work(*args: Any, **keywords: Any) -> int:
    x: Tensor = args[0]
    given = sum(keywords.get(name) is not None for name in ("before", "unasked"))
    each = _CORRECTION if keywords.get("corrects") else _MOVE
    return x.numel() * (each + _MORE * given + (_NORMAL if keywords.get("noise") is not None else 0))


sampler_step = Operation(
    name="sampler_step",
    reference=reference.sampler_step,
    invariant=True,
    compiled=reference.sampler_step,
    others=(Implementation.in_triton("sampler_step", _off_triton),),
    on_gpus=("triton",),
)
"""A step of a sampler, as `genwright.kernels.sampler_step.reference` says."""

SPEC = Spec(
    operation=sampler_step,
    contract="bits",
    tolerances={torch.float32: 0.0},
    awkward=_awkward,
    usual=_usual,
    traffic=_traffic,
    work=_work,
)
