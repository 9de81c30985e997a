"""How loud a clip is from moment to moment."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from genwright_audio.clip import Clip

__all__ = ["QUIETEST", "RATE", "loudness"]

RATE = 50
"""Values a second: one for 20 ms, in which a voice has two of its periods or more."""

QUIETEST = -80.0
"""The least level that is told, in dB: 13 of a converter's 16 bits lie above it."""


def loudness(clip: Clip) -> Float64[ndarray, " N"] | None:
    """Return the level of each fiftieth of a second, the root of the mean square, in dB of full scale.

    The last is of what is left. QUIETEST where it is quieter. None of a clip with no or fewer than 50 samples a second.
    """
    count = -(-len(clip.wave) * RATE // max(clip.rate, 1))
    if not count or clip.rate < RATE:
        return None
    edges = np.append(np.arange(count) * clip.rate // RATE, len(clip.wave))
    sums = np.add.reduceat(np.square(clip.wave, dtype=np.float64), edges[:-1])
    power = np.maximum(sums / np.diff(edges), 10 ** (QUIETEST / 10))
    levels: ndarray = 10 * np.log10(power)
    return levels
