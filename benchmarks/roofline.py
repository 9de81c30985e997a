"""How fast a machine moves and multiplies numbers, measured, and how long a call must take at least by that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import final

import torch

from benchmarks.clock import Repeated
from benchmarks.stopwatch import timed

__all__ = ["Roofline", "measured"]

_DTYPES = torch.float32, torch.bfloat16


@final
@dataclass(frozen=True, kw_only=True)
class Roofline:
    """What a machine reaches: bytes a second read from memory and copied in it, and products by dtype.

    read:     of what no cache holds
    copied:   bytes read and bytes written together
    products: floating-point operations a second of square matrices
    """

    read: Repeated
    copied: Repeated
    products: Mapping[torch.dtype, Repeated]

    @property
    def bandwidth(self) -> float:
        """Bytes a second: the larger of reading and copying."""
        return max(self.read.median, self.copied.median)

    def seconds(self, *, traffic: int, work: int, dtype: torch.dtype) -> float:
        """Return how long it takes at least to move so many bytes and do so many operations, both at once."""
        return max(traffic / self.bandwidth, work / self.products[dtype].median)


@cache
def measured(device: torch.device, *, small: bool = False) -> Roofline:
    """Return the roofline of a device, on a processor that of the threads that PyTorch has; measured once.

    small: of arrays that caches hold, only to see that it runs
    """
    numbers, width = _sizes(device, small)
    x = torch.ones(numbers, device=device)
    y = torch.empty_like(x)
    found = timed({"read": x.sum, "copied": lambda: y.copy_(x)}, device, warm=True)
    return Roofline(
        read=found["read"].rate(x.nbytes),
        copied=found["copied"].rate(2 * x.nbytes),
        products={dtype: _product(width, dtype, device).rate(2 * width**3) for dtype in _DTYPES},
    )


def _sizes(device: torch.device, small: bool) -> tuple[int, int]:
    if small:
        return 1 << 16, 64
    return (1 << 29, 8192) if device.type == "cuda" else (1 << 26, 1024)


def _product(width: int, dtype: torch.dtype, device: torch.device) -> Repeated:
    """Return the seconds of a product of square matrices by the fastest of what PyTorch multiplies them with."""
    a = torch.randn(width, width, device=device).to(dtype)
    ways: dict[str, Callable[[], object]] = {"product": lambda: a @ a}
    if device.type == "cpu":
        # oneDNN, which need not be what multiplies matrices, does convolutions.
        rows, weight = a.view(1, width, width, 1), a.view(width, width, 1, 1)
        ways["convolution"] = lambda: torch.conv2d(rows, weight)
    return min(timed(ways, device, warm=True).values(), key=lambda found: found.median)
