"""How alike clips are to the most similar of others, to find those that were copied.

The bands of a clip, as `hearing` has them, are taken for 1.28 s from where it begins to sound, with silence after its
end. Two clips are as alike as these are correlated over the bands of all frames that both have, three quarters of the
longer one at least, where one of them is moved by up to 24 ms to where they are most. Neither loudness counts, nor what
comes before the sound, nor noise that it hides, nor phases: what a model learned by heart and a vocoder made audible is
found, although no sample of its waveform is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float16, Float32, Float64, Int64
from numpy import ndarray

from genwright_audio.hearing import BANDS, RANGE

__all__ = ["FRAMES", "nearest", "outline"]

FRAMES = 160
"""How many frames of a clip are compared: 1.28 s."""

_FURTHEST = 3
# As many of the others are compared in full, those most alike in means over 80 ms.
_CANDIDATES, _COARSE = 32, 10
_TOGETHER = 256

# Of a clip cut short by 50 ms less than nine tenths may be left; half of a clip is like many others.
_SHARED = 0.75
_TINY = 1e-9


def outline(bands: Float32[ndarray, "40 T"]) -> Float16[ndarray, "40 160"]:
    """Return the bands of a clip from where it begins to sound: 1 for the loudest, 0 for what it hides, and silence."""
    level = (bands - bands.max()) / RANGE + 1
    # Half the range above what is hidden, noise does not move the beginning.
    first = int((level.max(0) > 0.5).argmax())
    kept = level[:, first : first + FRAMES]
    return np.pad(kept, ((0, 0), (0, FRAMES - kept.shape[1]))).astype(np.float16)


def nearest(
    samples: Float16[ndarray, "N 40 160"], others: Float16[ndarray, "M 40 160"], *, own: Sequence[int] | None = None
) -> tuple[Float32[ndarray, " N"], Int64[ndarray, " N"]]:
    """Return how alike each sample is to the most similar of one other or more, 1 for the same, and its place.

    own: of each sample, the place among the others where it is itself, which does not count; None where none is there.
         Then there are two others or more.
    """
    coarse = _coarse(others)
    alike, places = np.empty(len(samples), dtype=np.float32), np.empty(len(samples), dtype=np.int64)
    for start in range(0, len(samples), _TOGETHER):
        some = samples[start : start + _TOGETHER]
        for offset, row in enumerate(_coarse(some) @ coarse.T):
            if own is not None:
                row[own[start + offset]] = -np.inf
            candidates = np.argsort(-row, kind="stable")[: min(_CANDIDATES, len(others) - (own is not None))]
            found = _alike(some[offset], others[candidates])
            best = int(found.argmax())
            alike[start + offset], places[start + offset] = found[best], candidates[best]
    return alike, places


def _alike(sample: Float16[ndarray, "40 160"], others: Float16[ndarray, "M 40 160"]) -> Float32[ndarray, " M"]:
    """Return the correlation with each of the others, of the frames that both have, at the best of all shifts."""
    wide = others.astype(np.float32)
    lengths, sums, squares = _lengths(others), _running(wide.sum(1)), _running((wide * wide).sum(1))
    own, best = int(_lengths(sample[None])[0]), np.full(len(others), -1, dtype=np.float32)
    for shift in range(-_FURTHEST, _FURTHEST + 1):
        moved = _moved(sample, shift).astype(np.float32)
        first, last = max(0, shift), np.clip(np.minimum(own + shift, lengths), max(0, shift) + 1, FRAMES)
        count = (last - first) * BANDS
        a, b, aa, bb = (
            _between(rows, first, last)
            for rows in (_running(moved.sum(0)[None]), sums, _running((moved * moved).sum(0)[None]), squares)
        )
        product = wide.reshape(len(wide), -1) @ moved.ravel() - a * b / count
        found = product / np.sqrt(((aa - a * a / count) * (bb - b * b / count)).clip(min=_TINY))
        shared = last - first >= _SHARED * np.maximum(own, lengths)
        best = np.maximum(best, np.where(shared, found, -1))
    return best.astype(np.float32)


def _moved(sample: Float16[ndarray, "40 160"], frames: int) -> Float16[ndarray, "40 160"]:
    found = np.zeros_like(sample)
    if frames < 0:
        found[:, :frames] = sample[:, -frames:]
    else:
        found[:, frames:] = sample[:, : FRAMES - frames]
    return found


def _lengths(outlines: Float16[ndarray, "N 40 160"]) -> Int64[ndarray, " N"]:
    """Return how many frames there are up to the last one that is not silent."""
    sounding: ndarray = np.any(outlines > 0, axis=1)
    return np.asarray(FRAMES - sounding[:, ::-1].argmax(1), dtype=np.int64)


def _running(rows: Float32[ndarray, "N 160"]) -> Float64[ndarray, "N 161"]:
    return np.pad(rows.cumsum(1, dtype=np.float64), ((0, 0), (1, 0)))


def _between(running: Float64[ndarray, "N 161"], first: int, last: Int64[ndarray, " M"]) -> Float64[ndarray, " M"]:
    """Return the sums from one frame to others, of each row or of the only one."""
    rows = np.arange(len(last)) if len(running) > 1 else np.zeros(len(last), dtype=np.int64)
    found: ndarray = running[rows, last] - running[rows, first]
    return found


def _coarse(outlines: Float16[ndarray, "N 40 160"]) -> Float32[ndarray, "N _"]:
    parts = outlines.reshape(len(outlines), BANDS, FRAMES // _COARSE, _COARSE)
    return _unit(parts.mean(3, dtype=np.float32))


def _unit(rows: ndarray) -> Float32[ndarray, "N _"]:
    """Return rows of mean 0 and length 1, so that their products are correlations; of constant ones, zeros."""
    flat = rows.reshape(len(rows), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    found: ndarray = flat / np.where(length > 0, length, 1)
    return found
