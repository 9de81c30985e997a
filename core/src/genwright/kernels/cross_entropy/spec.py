"""The operation `cross_entropy`: what a row costs does not depend on those beside it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genwright.kernels.cross_entropy import reference
from genwright.kernels.cross_entropy.reference import IGNORED
from genwright.kernels.operation import Implementation, Operation
from genwright.kernels.platforms import off_triton
from genwright.kernels.spec import Call, Spec
from genwright.seeds import Noise

__all__ = ["SPEC", "TOLERANCES", "cross_entropy"]

TOLERANCES = {torch.float32: 1e-6, torch.float16: 5e-4, torch.bfloat16: 4e-3}
"""How far losses and gradients may be from those of the reference, by the dtypes of logits."""
_WORK = 5


def _off_triton(logits: Tensor, targets: Tensor, *, ignored: int = IGNORED, in_place: bool = False) -> str | None:
    if logits.dtype not in TOLERANCES or targets.dtype != torch.int64:
        return (
            f"it takes logits of float32, float16 or bfloat16 and targets of int64; got {logits.dtype}, {targets.dtype}"
        )
    if logits.ndim != 2 or not logits.shape[1] or logits.stride(1) != 1:
        return "it takes rows of one token or more, each in one piece"
    if targets.shape != logits.shape[:1]:
        return f"it takes a target a row; got {[*targets.shape]} for {[*logits.shape]}"
    return off_triton(logits, targets)


def _awkward(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    for rows, width in ((1, 1), (5, 2), (4, 37), (2, 4099), (0, 7)):
        logits, targets = _inputs(rows, width, dtype, device)
        yield Call(name=f"{rows} x {width}", args=(logits, targets))
        yield Call(name=f"{rows} x {width} in place", args=(logits, targets), keywords={"in_place": True})
    logits, targets = _inputs(6, 40, dtype, device)
    targets[1::2] = 3
    yield Call(name="half of them ignored", args=(logits, targets), keywords={"ignored": 3})
    yield Call(name="not in one piece", args=(logits[::2, :33], targets[::2] % 33))
    yield Call(name="large logits", args=(300 * logits, targets))
    infinity, nan = torch.inf, torch.nan
    special = [[1.0, -infinity, 2.0], [1.0, infinity, 2.0], [-infinity] * 3, [nan, 1.0, 2.0], [0.0, 1.0, -infinity]]
    finite = torch.tensor([0, 2, 1, 1, 2], device=device)
    yield Call(name="what is not finite", args=(torch.tensor(special, dtype=dtype, device=device), finite))


def _usual(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    small, large = ((1024, 257), (64, 50_257)), ((8192, 257), (8192, 50_257))
    for rows, width in small if device.type == "cpu" else large:
        yield Call(name=f"{rows:,} x {width:,}", args=_inputs(rows, width, dtype, device))


def _inputs(rows: int, width: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    noise = Noise(1, torch.arange(rows, device=device))
    return (3 * noise.normal("example", 0, width)).to(dtype), noise.bits("example", 1, 1)[:, 0] % width


def _traffic(logits: Tensor, targets: Tensor, *, ignored: int = IGNORED, in_place: bool = False) -> int:
    return logits.nbytes + targets.nbytes + 4 * len(logits)


def _work(logits: Tensor, targets: Tensor, *, ignored: int = IGNORED, in_place: bool = False) -> int:
    return _WORK * logits.numel()


cross_entropy = Operation(
    name="cross_entropy",
    reference=reference.cross_entropy,
    invariant=True,
    others=(Implementation.in_triton("cross_entropy", _off_triton),),
    compiled=reference.cross_entropy,
)
"""What the target of each row costs, as `genwright.kernels.cross_entropy.reference` says."""

SPEC = Spec(
    operation=cross_entropy,
    contract="close",
    tolerances=TOLERANCES,
    awkward=_awkward,
    usual=_usual,
    traffic=_traffic,
    work=_work,
)
