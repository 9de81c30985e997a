"""Normal distributions fitted to features, and how far two of them are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float64
from numpy import ndarray

from genwright.errors import UsageError
from genwright.metrics import Value
from genwright.uncertainty import jackknife_error

__all__ = ["Gaussian", "frechet_distance", "frechet_value"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Gaussian:
    """How many rows there were, their mean, and the sum of the outer products of their deviations from it."""

    count: int
    mean: Float64[ndarray, " F"]
    scatter: Float64[ndarray, "F F"]

    @property
    def covariance(self) -> Float64[ndarray, "F F"]:
        """The unbiased covariance. Raises UsageError for fewer than two rows."""
        if self.count < 2:
            raise UsageError(f"a covariance needs at least 2 samples; got {self.count}. Draw more samples.")
        return self.scatter / (self.count - 1)

    @classmethod
    def fit(cls, rows: Float[ndarray, "N F"]) -> Gaussian:
        """Return the Gaussian of one row or more."""
        wide = rows.astype(np.float64)
        mean = wide.mean(0)
        wide -= mean
        return cls(count=len(rows), mean=mean, scatter=wide.T @ wide)

    @classmethod
    def merged(cls, parts: Sequence[Gaussian]) -> Gaussian:
        """Return the Gaussian of all the rows of disjoint sets."""
        count = sum(part.count for part in parts)
        mean = np.sum([part.mean * (part.count / count) for part in parts], 0)
        offsets = np.stack([(part.mean - mean) * part.count**0.5 for part in parts])
        return cls(count=count, mean=mean, scatter=np.sum([part.scatter for part in parts], 0) + offsets.T @ offsets)

    def scaled(self, mean: Float64[ndarray, " F"], deviation: Float64[ndarray, " F"]) -> Gaussian:
        """Return the Gaussian of the rows less `mean`, divided by `deviation`."""
        scatter = self.scatter / np.outer(deviation, deviation)
        return Gaussian(count=self.count, mean=(self.mean - mean) / deviation, scatter=scatter)

    def to_arrays(self) -> dict[str, Any]:
        """Return the three as arrays, by name."""
        return {"count": np.array(self.count), "mean": self.mean, "scatter": self.scatter}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, ndarray]) -> Gaussian:
        """Return what `to_arrays` gave."""
        return cls(count=int(arrays["count"]), mean=arrays["mean"], scatter=arrays["scatter"])


def frechet_distance(first: Gaussian, second: Gaussian) -> float:
    """Return the squared Fréchet distance of two Gaussians, not below 0.

    Source: Dowson and Landau (1982), doi:10.1016/0047-259X(82)90077-X.
    """
    return _distance(first, second, _root(second.covariance))


def _distance(first: Gaussian, second: Gaussian, root: Float64[ndarray, "F F"]) -> float:
    """Return the distance from a Gaussian the root of whose covariance is known.

    The root of the product of two covariances is not needed, only its trace: the sum of the singular values of the
    product of their own roots.
    """
    overlap = np.linalg.svd(_root(first.covariance) @ root, compute_uv=False).sum()
    offset = first.mean - second.mean
    traces = np.trace(first.covariance) + np.trace(second.covariance)
    return max(0.0, float(offset @ offset + traces - 2 * overlap))


def frechet_value(groups: Sequence[Gaussian], other: Gaussian) -> Value:
    """Return the distance of the rows of disjoint groups from another Gaussian, with its jackknife error.

    There is no error for a single group, nor for groups that have fewer than two rows on average.
    """
    whole, root = Gaussian.merged(groups), _root(other.covariance)
    rests = [[*groups[:place], *groups[place + 1 :]] for place in range(len(groups))] if len(groups) > 1 else []
    partial = [_distance(Gaussian.merged(rest), other, root) for rest in rests if whole.count >= 2 * len(groups)]
    return Value(value=_distance(whole, other, root), error=jackknife_error(partial), count=whole.count)


def _root(covariance: Float64[ndarray, "F F"]) -> Float64[ndarray, "F F"]:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(values.clip(min=0.0))) @ vectors.T)
