"""The kernel distance of two sets of features: their squared maximum mean discrepancy, without bias.

Source: Bińkowski et al. (2018), arXiv:1801.01401: the cubic kernel of its section 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

__all__ = ["distances", "mean_of_pairs"]

_GROUPS = 20


def mean_of_pairs(rows: Float32[ndarray, "N F"]) -> float:
    """Return the mean of the kernel over all pairs of different rows."""
    parts = np.array_split(rows, -(-len(rows) // 1_000))
    return _off_diagonal(_sums(parts, parts), parts) / (len(rows) * (len(rows) - 1))


def distances(
    samples: Float32[ndarray, "N F"], reference: Float32[ndarray, "M F"], within: float
) -> tuple[float, list[float]]:
    """Return the squared distance, and those with one of up to 20 groups of the samples left out each.

    It is 0 on average for equal distributions, and so may be negative.
    within: `mean_of_pairs` of the reference
    """
    groups = [samples[start::_GROUPS] for start in range(min(_GROUPS, len(samples)))]
    inner, outer = _sums(groups, groups), _sums(groups, np.array_split(reference, -(-len(reference) // 1_000))).sum(1)
    everyone = list(range(len(groups)))
    # Without a group, two of its rows at least have to be left to make a pair.
    left_out = everyone if len(samples) >= 2 * _GROUPS else []
    chosen = [everyone, *([other for other in everyone if other != group] for group in left_out)]
    found = [_distance(groups, inner, outer, some, len(reference), within) for some in chosen]
    return found[0], found[1:]


def _distance(
    groups: Sequence[ndarray], inner: ndarray, outer: ndarray, some: Sequence[int], others: int, within: float
) -> float:
    chosen = [groups[place] for place in some]
    count = sum(map(len, chosen))
    pairs = _off_diagonal(inner[np.ix_(some, some)], chosen) / (count * (count - 1))
    return float(pairs + within - 2 * outer[some].sum() / (count * others))


def _sums(first: Sequence[ndarray], second: Sequence[ndarray]) -> ndarray:
    """Return the sum of the kernel over the pairs of each two groups, one of each list."""
    return np.array([[_kernel(a, b).sum(dtype=np.float64) for b in second] for a in first])


def _off_diagonal(sums: ndarray, groups: Sequence[ndarray]) -> float:
    own = sum(
        float(((group * group).sum(1, dtype=np.float64) / group.shape[1] + 1).__pow__(3).sum()) for group in groups
    )
    return float(sums.sum()) - own


def _kernel(first: ndarray, second: ndarray) -> ndarray:
    cubed: ndarray = (first @ second.T / first.shape[1] + 1) ** 3
    return cubed
