"""The operation `philox_normal`: bits equal to the reference's on every device."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genwright.kernels.operation import Implementation, Operation
from genwright.kernels.philox_normal import reference
from genwright.kernels.platforms import off_triton
from genwright.kernels.spec import Call, Spec

__all__ = ["SPEC", "philox_normal"]

# Two rounds of products, four words a round, of 10 rounds; then 60 operations for each pair of normals.
_WORK = 2 * 10 + 30


def _off_triton(seed: int, purpose: str, samples: Tensor, step: int | Tensor, count: int) -> str | None:
    steps = step if isinstance(step, Tensor) else None
    if samples.dtype != torch.int64 or (steps is not None and steps.dtype != torch.int64):
        return "it takes samples and steps as int64"
    return off_triton(samples, steps)


def _awkward(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    samples = torch.tensor([0, 1, 2**31, 2**32 + 5, 2**63 - 1, -1], device=device)
    for count in (1, 2, 3, 4, 5, 1023, 2049):
        yield Call(name=f"{count} of six samples", args=(7, "step", samples, 3, count))
    steps = torch.tensor([0, 1, 2**31, 2**32 - 1, 2**32 + 9, 5], device=device)
    yield Call(name="a step a row", args=(2**53 - 1, "start", samples, steps, 37))
    yield Call(name="strided", args=(7, "step", torch.arange(14, device=device)[::3], steps[1:], 6))
    yield Call(name="a negative seed and step", args=(-3, "step", samples[:2], -2, 9))
    yield Call(name="no sample", args=(7, "step", samples[:0], 3, 12))
    yield Call(name="no number", args=(7, "step", samples, 3, 0))


def _usual(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    small = (64, 3 * 32 * 32), (16, 4 * 64 * 64)
    large = (64, 3 * 32 * 32), (16, 4 * 128 * 128), (64, 3 * 256 * 256), (100, 1_000_000)
    for rows, count in small if device.type == "cpu" else large:
        yield Call(name=f"{rows} of {count:,}", args=(7, "step", torch.arange(rows, device=device), 3, count))


def _traffic(seed: int, purpose: str, samples: Tensor, step: int | Tensor, count: int) -> int:
    return len(samples) * (4 * count + (16 if isinstance(step, Tensor) else 8))


def _work(seed: int, purpose: str, samples: Tensor, step: int | Tensor, count: int) -> int:
    return _WORK * len(samples) * count


philox_normal = Operation(
    name="philox_normal",
    reference=reference.philox_normal,
    invariant=True,
    others=(Implementation.in_triton("philox_normal", _off_triton),),
    on_gpus=("triton",),
)
"""Unit normals of samples, as `genwright.kernels.philox_normal.reference` says."""

SPEC = Spec(
    operation=philox_normal,
    contract="bits",
    tolerances={torch.float32: 0.0},
    awkward=_awkward,
    usual=_usual,
    traffic=_traffic,
    work=_work,
)
