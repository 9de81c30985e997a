"""What metrics compare clips by: the course of their bands, along the axes that real clips differ on.

Networks that hear what is said cost a download, and were trained on other sounds. A clip is heard as `hearing` says;
the means of its 40 bands over 16 equal parts of its time, 640 numbers, are taken along the up to 32 principal axes of
those of a reference. The 33rd feature is the logarithm of how many seconds it takes, since the parts are equal whatever
that is. Each is divided by its deviation in the reference, so all count alike, and values are comparable for one
reference only.

Of spoken digits, no axes that tell digits and speakers apart (linear discriminants) found more of what was wrong with
samples than these do; see docs/log.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Float32, Float64
from numpy import ndarray

from genwright_audio.clip import Clip
from genwright_audio.hearing import binned

__all__ = ["AXES", "COUNT", "VERSION", "Axes", "course"]

VERSION = "log-mel@1"
"""The name of these features; another number where the same clips would have others."""

COUNT = 641
"""How many numbers a clip is described by, before axes are chosen."""

AXES = 32
"""How many principal axes there are at most."""

_PARTS = 16

# An axis with a millionth of the first one's variance holds nothing but rounding.
_LEAST = 1e-6


def course(clip: Clip, bands: Float32[ndarray, "40 T"]) -> Float32[ndarray, " 641"]:
    """Return the means of a clip's bands over the parts of its time, by band, then part; and the log of its seconds."""
    return np.append(binned(bands, _PARTS).ravel(), np.float32(np.log(clip.seconds)))


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Axes:
    """What the courses of a reference differ on.

    mean: what is subtracted from courses
    rows: the principal axes, the widest first, and the log of seconds, each divided by its deviation
    """

    mean: Float64[ndarray, " 641"]
    rows: Float64[ndarray, "F 641"]

    @classmethod
    def fit(cls, courses: Float32[ndarray, "N 641"]) -> Axes:
        """Return the axes of courses, of which no feature has a deviation where they are all alike."""
        mean = courses.mean(0, dtype=np.float64)
        centred = courses - mean
        inner = centred[:, :-1]
        variances, vectors = np.linalg.eigh(inner.T @ inner / max(1, len(courses) - 1))
        wide = [place for place in range(COUNT - 2, COUNT - 2 - AXES, -1) if variances[place] > _LEAST * variances[-1]]
        rows = np.zeros((len(wide) + 1, COUNT))
        rows[:-1, :-1] = (vectors[:, wide] / np.sqrt(variances[wide])).T
        # Clips of one length, to a hundredth, differ in nothing but rounding.
        rows[-1, -1] = 1 / max(float(centred[:, -1].std()), 0.01)
        return cls(mean=mean, rows=rows)

    def along(self, courses: Float32[ndarray, "N 641"]) -> Float32[ndarray, "N F"]:
        """Return the features of courses."""
        return np.asarray((courses - self.mean) @ self.rows.T, dtype=np.float32)

    def to_arrays(self) -> dict[str, Any]:
        """Return both as arrays, by name."""
        return {"mean": self.mean, "rows": self.rows}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, ndarray]) -> Axes:
        """Return what `to_arrays` gave."""
        return cls(mean=arrays["mean"], rows=arrays["rows"])
