"""Standard errors of numbers computed from samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from genwright.metrics import NOTHING, Value

__all__ = ["jackknife_error", "mean_error", "proportion", "proportion_error"]


def proportion(successes: int, count: int) -> Value:
    """Return the value of a proportion; NOTHING of nothing."""
    if not count:
        return NOTHING
    return Value(value=successes / count, error=proportion_error(successes, count), count=count)


def proportion_error(successes: int, count: int) -> float | None:
    """Return the standard error of a proportion; it is not 0 where all, or none, of a finite number succeed.

    Source: Agresti and Coull (1998), doi:10.1080/00031305.1998.10480550: two successes and two failures are added.
    """
    if count == 0:
        return None
    moderate = (successes + 2) / (count + 4)
    return math.sqrt(moderate * (1 - moderate) / (count + 4))


def mean_error(values: Float[ndarray, " N"]) -> float | None:
    """Return the standard error of the mean; None for fewer than two values."""
    return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None


def jackknife_error(partial: Sequence[float]) -> float | None:
    """Return the standard error of a number, from its values with one of G equal groups left out each.

    Source: Shao and Tu (1995), doi:10.1007/978-1-4612-0795-5, chapter 2.3.
    """
    groups = len(partial)
    return math.sqrt((groups - 1) * float(np.var(partial))) if groups > 1 else None
