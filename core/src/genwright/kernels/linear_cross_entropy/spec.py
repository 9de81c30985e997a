"""The operation `linear_cross_entropy`."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genwright.kernels.cross_entropy.reference import IGNORED
from genwright.kernels.linear_cross_entropy import reference
from genwright.kernels.operation import Implementation, Operation
from genwright.kernels.platforms import off_triton, without_triton
from genwright.kernels.spec import Call, Spec
from genwright.seeds import Noise

__all__ = ["SPEC", "linear_cross_entropy"]

_TOLERANCES = {torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}
_FOLDER = "genwright.kernels.linear_cross_entropy"


def _off_chunks(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    shares: Tensor | None = None,
    ignored: int = IGNORED,
) -> str | None:
    if not len(hidden) or not len(weight):
        return f"it takes a row and a token or more; got {len(hidden)} and {len(weight)}"
    if hidden.dtype != weight.dtype and not torch.is_autocast_enabled(hidden.device.type):
        return f"it takes activations and a weight of one dtype; got {hidden.dtype} and {weight.dtype}"
    return None


def _off_triton(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    shares: Tensor | None = None,
    ignored: int = IGNORED,
) -> str | None:
    if hidden.dtype not in _TOLERANCES:
        return f"it takes float32, float16 and bfloat16; got {hidden.dtype}"
    reason = _off_chunks(hidden, weight, targets, shares=shares, ignored=ignored)
    return reason or off_triton(hidden, weight, targets, shares)


def _awkward(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    for rows, width, tokens in ((1, 1, 1), (5, 3, 2), (300, 4, 37), (33, 16, 300)):
        args = _inputs(rows, width, tokens, dtype, device)
        yield Call(name=f"{rows} x {width} to {tokens}", args=args)
    hidden, weight, targets = _inputs(50, 8, 40, dtype, device)
    targets[::3] = 3
    shares = torch.linspace(-1e-4, 2e-4, 50, device=device)
    yield Call(name="a third ignored", args=(hidden, weight, targets), keywords={"ignored": 3})
    yield Call(name="shares", args=(hidden, weight, targets), keywords={"shares": shares})
    strided = (hidden.T.contiguous().T, weight.T.contiguous().T, targets.flip(0))
    yield Call(name="not in one piece", args=strided, keywords={"shares": shares.flip(0), "ignored": 3})
    yield Call(name="no share", args=(hidden, weight, targets), keywords={"shares": torch.zeros_like(shares)})


def _usual(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    small, large = ((1024, 256, 257), (256, 384, 4096)), ((8192, 256, 257), (8192, 768, 50_257))
    for rows, width, tokens in small if device.type == "cpu" else large:
        args = _inputs(rows, width, tokens, dtype, device)
        yield Call(name=f"{rows:,} x {width} to {tokens:,}", args=args)


def _inputs(
    rows: int, width: int, tokens: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    noise = Noise(1, torch.arange(rows, device=device))
    weight = Noise(2, torch.arange(tokens, device=device)).normal("example", 0, width)
    targets = noise.bits("example", 1, 1)[:, 0] % tokens
    return noise.normal("example", 0, width).to(dtype), (2 * weight / width**0.5).to(dtype), targets


def _traffic(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    shares: Tensor | None = None,
    ignored: int = IGNORED,
) -> int:
    return hidden.nbytes + weight.nbytes + targets.nbytes + (0 if shares is None else shares.nbytes) + 4


def _work(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    shares: Tensor | None = None,
    ignored: int = IGNORED,
) -> int:
    return 2 * hidden.numel() * len(weight)


linear_cross_entropy = Operation(
    name="linear_cross_entropy",
    reference=reference.linear_cross_entropy,
    # Matrix products of PyTorch sum in another order when there are fewer rows.
    invariant=False,
    others=(
        Implementation(
            name="triton",
            target=f"{_FOLDER}.kernel:linear_cross_entropy",
            invariant=False,
            platform=without_triton,
            arguments=_off_triton,
        ),
        Implementation(
            name="chunked", target=f"{_FOLDER}.chunked:linear_cross_entropy", invariant=False, arguments=_off_chunks
        ),
    ),
)
"""What targets cost together, as `genwright.kernels.linear_cross_entropy.reference` says."""

SPEC = Spec(
    operation=linear_cross_entropy,
    contract="close",
    tolerances=_TOLERANCES,
    awkward=_awkward,
    usual=_usual,
    traffic=_traffic,
    work=_work,
)
