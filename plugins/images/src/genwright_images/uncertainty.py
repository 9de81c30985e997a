"""Standard errors of numbers computed from samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["jackknife_error", "proportion_error"]


def proportion_error(successes: int, count: int) -> float | None:
    """Return the standard error of a proportion, above 0 also where all or none succeed; None of nothing.

    Source: Agresti and Coull (1998), doi:10.1080/00031305.1998.10480550.
    """
    if not count:
        return None
    moderate = (successes + 2) / (count + 4)
    return math.sqrt(moderate * (1 - moderate) / (count + 4))


def jackknife_error(partial: Sequence[float]) -> float | None:
    """Return the standard error of a number from its values with one of equal groups left out each; None below two.

    Source: Shao and Tu (1995), doi:10.1007/978-1-4612-0795-5, chapter 2.3.
    """
    return math.sqrt((len(partial) - 1) * float(np.var(partial))) if len(partial) > 1 else None
