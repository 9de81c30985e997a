"""The numbers of all steps of a sampler, worked out once in float64.

The samplers are those of `genwright.samplers.denoise`. A table is of float32 as samples are, unless it is asked for
another precision.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["COLUMNS", "Coefficients", "Row", "ahead", "ancestral", "anew", "dpm_solver", "euler", "heun"]

Coefficients = Float[Tensor, "rows 7"]


class Row(NamedTuple):
    """The numbers of one call of the network.

    share:     how much of the way from the clean sample to x is left
    ahead:     how much of the clean sample's change since the call before it goes on to make
    fresh:     the deviation of the noise that is added at the end
    half:      half of what the level rises by in the step, in a step that corrects
    sigma:     the level at which such a step began
    following: the level at which it ends
    guidance:  how far the clean sample is moved from what the network gives when asked for nothing
    """

    share: float
    ahead: float = 0.0
    fresh: float = 0.0
    half: float = 0.0
    sigma: float = 1.0
    following: float = 1.0
    guidance: float = 1.0


COLUMNS = len(Row._fields)


def euler(sigmas: Sequence[float], *, guidance: float = 1.0, dtype: torch.dtype = torch.float32) -> Coefficients:
    """Return the rows of Euler's method, one a step; the levels fall, the last being 0."""
    return _table((Row(share=following / sigma, guidance=guidance) for sigma, following in pairwise(sigmas)), dtype)


def ancestral(
    sigmas: Sequence[float], *, eta: float, guidance: float = 1.0, dtype: torch.dtype = torch.float32
) -> Coefficients:
    """Return the rows of DDIM, one a step; with eta = 1 they are those of DDPM."""
    return _table((_ancestral(*levels, eta, guidance) for levels in pairwise(sigmas)), dtype)


def dpm_solver(sigmas: Sequence[float], *, guidance: float = 1.0, dtype: torch.dtype = torch.float32) -> Coefficients:
    """Return the rows of DPM-Solver++(2M), one a step."""
    last = len(sigmas) - 2
    rows = (
        Row(
            share=following / sigma,
            ahead=ahead(*sigmas[step - 1 : step + 2]) if 0 < step < last else 0.0,
            guidance=guidance,
        )
        for step, (sigma, following) in enumerate(pairwise(sigmas))
    )
    return _table(rows, dtype)


def heun(
    sigmas: Sequence[float],
    *,
    raised: Sequence[float] | None = None,
    churn_noise: float = 1.0,
    guidance: float = 1.0,
    dtype: torch.dtype = torch.float32,
) -> Coefficients:
    """Return the rows of Heun's method: two a step, the first of which goes ahead and the second corrects; one at last.

    raised: the level that noise is put back to before each step, of which the first step's is put back by the caller:
            a row puts back that of the step after it; none for the levels themselves
    """
    raised = sigmas[:-1] if raised is None else raised
    rows: list[Row] = []
    for step, (sigma, following) in enumerate(zip(raised, sigmas[1:], strict=True)):
        first = Row(share=following / sigma, guidance=guidance)
        rows.append(first)
        if following:
            fresh = churn_noise * math.sqrt(raised[step + 1] ** 2 - following**2)
            rows.append(first._replace(fresh=fresh, half=(following - sigma) / 2, sigma=sigma, following=following))
    return _table(rows, dtype)


def anew(sigma: float, following: float, eta: float) -> float:
    """Return the deviation of the noise that a step of DDIM from one level to the next draws anew."""
    return eta * following * math.sqrt(1 - (following / sigma) ** 2)


def ahead(first: float, second: float, third: float) -> float:
    """Return how much of a change between the first two of three levels goes on to half way between the last two."""
    return math.log(second / third) / math.log(first / second) / 2


def _ancestral(sigma: float, following: float, eta: float, guidance: float) -> Row:
    fresh = anew(sigma, following, eta)
    return Row(share=math.sqrt(following**2 - fresh**2) / sigma, fresh=fresh, guidance=guidance)


def _table(rows: Iterable[Row], dtype: torch.dtype) -> Coefficients:
    return torch.tensor([*rows], dtype=torch.float64).to(dtype)
