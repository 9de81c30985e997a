"""What tests and benchmarks of an operation call it with, and what they hold it to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, ParamSpec, TypeVar, final

import torch
from torch import Tensor

from genwright.kernels.operation import Operation

__all__ = ["Call", "Spec", "distance"]

P = ParamSpec("P")
R = TypeVar("R")


@final
@dataclass(frozen=True, kw_only=True)
class Call:
    """Arguments of an operation, with a name for them: "8 heads of 64, 1,024 positions"."""

    name: str
    args: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)


@final
@dataclass(frozen=True, kw_only=True)
class Spec(Generic[P, R]):
    """The contract of an operation.

    contract:   "bits" if every implementation gives the reference's bits, "close" if it may differ by `tolerances`
    tolerances: how far a result may be from that of the reference in float64, as `distance`, by dtype; these are the
                dtypes that the operation takes
    awkward:    calls for tests, small, of a dtype on a device: odd sizes, strides, what is optional left out and given
    usual:      calls for benchmarks, of the sizes that models have on such a device; a processor's take milliseconds
    traffic:    the bytes that a call must read and write if nothing is moved twice
    work:       the floating-point operations of a call
    """

    operation: Operation[P, R]
    contract: Literal["bits", "close"]
    tolerances: Mapping[torch.dtype, float]
    awkward: Callable[[torch.dtype, torch.device], Iterable[Call]]
    usual: Callable[[torch.dtype, torch.device], Iterable[Call]]
    traffic: Callable[P, int]
    work: Callable[P, int]


def distance(found: Tensor, expected: Tensor) -> float:
    """Return the root mean square of the difference as a share of that of what was expected; 0 for nothing.

    Where nothing else than zeros was expected it is that of what was found. NaN and infinities must be in the same
    places, or it is infinite.
    """
    found, expected = found.double(), expected.double()
    if found.shape != expected.shape or not torch.equal(_special(found), _special(expected)):
        return float("inf")
    finite = expected.isfinite()
    error, size = (found - expected)[finite].norm(), expected[finite].norm()
    return float(error / size) if size else float(error)


def _special(x: Tensor) -> Tensor:
    """Return x with 0 for finite numbers and 2 for NaN, so that equality holds of both."""
    return torch.where(x.isnan(), 2.0, torch.where(x.isinf(), x.sign(), 0.0))
