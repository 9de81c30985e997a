"""How far apart the clips of a class are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

__all__ = ["spread"]

_MOST = 2_000


def spread(rows: Float32[ndarray, "N F"], classes: Sequence[str | None]) -> Mapping[str, float]:
    """Return the mean distance of pairs of rows of each class that has two or more, of the first 2,000 at most.

    Rows of no class do not count.
    """
    places: dict[str, list[int]] = {}
    for place, name in enumerate(classes):
        if name is not None:
            places.setdefault(name, []).append(place)
    return {name: _mean_distance(rows[found[:_MOST]]) for name, found in places.items() if len(found) > 1}


def _mean_distance(rows: Float32[ndarray, "N F"]) -> float:
    wide = rows.astype(np.float64)
    squares = (wide * wide).sum(1)
    apart = np.sqrt((squares[:, None] + squares - 2 * wide @ wide.T).clip(min=0))
    np.fill_diagonal(apart, 0)
    return float(apart.sum() / (len(rows) * (len(rows) - 1)))
