"""The operation `geglu`."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genwright.kernels.geglu import reference
from genwright.kernels.operation import Implementation, Operation
from genwright.kernels.platforms import differentiated, off_triton
from genwright.kernels.spec import Call, Spec
from genwright.seeds import Noise

__all__ = ["SPEC", "geglu"]

_TOLERANCES = {torch.float32: 3e-7, torch.float16: 6e-4, torch.bfloat16: 5e-3}
_WORK = 10


def _off_triton(hidden: Tensor, *, activation: reference.Activation = "gelu") -> str | None:
    if hidden.dtype not in _TOLERANCES:
        return f"it takes float32, float16 and bfloat16; got {hidden.dtype}"
    if hidden.ndim == 0 or hidden.shape[-1] % 2:
        return f"it takes an even number of channels; got {[*hidden.shape]}"
    if not hidden.is_contiguous():
        return "it takes contiguous tensors"
    if activation not in ("gelu", "silu"):
        return f"it takes the activations gelu and silu; got {activation!r}"
    return differentiated(hidden) or off_triton(hidden)


def _awkward(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    for shape in ((1, 2), (3, 10), (2, 5, 66), (2, 2050), (7, 0), (0, 4)):
        hidden = _hidden(shape, dtype, device)
        yield Call(name=f"silu of {list(shape)}", args=(hidden,), keywords={"activation": "silu"})
        yield Call(name=f"gelu of {list(shape)}", args=(hidden,))
    special = torch.tensor([[torch.nan, torch.inf, -torch.inf, 100.0, -100.0, -0.0]], dtype=dtype, device=device)
    yield Call(name="what is not finite", args=(torch.cat((special, special.flip(1)), 1),))


def _usual(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    small, large = ((256, 2 * 1024), (1024, 2 * 1536)), ((256, 2 * 1024), (4096, 2 * 4096), (8192, 2 * 11_008))
    for shape in small if device.type == "cpu" else large:
        hidden = _hidden(shape, dtype, device)
        yield Call(name=f"silu of {list(shape)}", args=(hidden,), keywords={"activation": "silu"})


def _hidden(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    noise = Noise(1, torch.arange(shape[0], device=device))
    values = noise.normal("example", 0, torch.Size(shape[1:]).numel())
    return (2 * values).reshape(shape).to(dtype).contiguous()


def _traffic(hidden: Tensor, *, activation: reference.Activation = "gelu") -> int:
    return hidden.nbytes * 3 // 2


def _work(hidden: Tensor, *, activation: reference.Activation = "gelu") -> int:
    return _WORK * hidden.numel() // 2


geglu = Operation(
    name="geglu",
    reference=reference.geglu,
    # PyTorch's differ in last bits by where a row lies, and GELU by whether it lies alone (on a CPU, torch 2.13).
    invariant=False,
    compiled=reference.geglu,
    others=(Implementation.in_triton("geglu", _off_triton),),
)
"""Gated products, as `genwright.kernels.geglu.reference` says."""

SPEC = Spec(
    operation=geglu,
    contract="close",
    tolerances=_TOLERANCES,
    awkward=_awkward,
    usual=_usual,
    traffic=_traffic,
    work=_work,
)
