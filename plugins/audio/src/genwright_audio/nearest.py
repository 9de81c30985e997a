"""How alike clips are to the most similar of others, to find those that were copied.

The bands of a clip, as `hearing` has them, are taken for 1.28 s from where it begins to sound, with silence after its
end. Two clips are as alike as these are correlated, over all frames and bands, where one is moved by up to 24 ms until they
are most. Neither loudness nor what comes before the sound counts, nor noise that it hides, nor phases: what a model
learned by heart and a vocoder made audible is found, although no sample of its waveform is the same.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float16, Float32, Int64
from numpy import ndarray

from genwright_audio.hearing import BANDS, RANGE

__all__ = ["FRAMES", "nearest", "outline"]

FRAMES = 160
"""How many frames of a clip are compared: 1.28 s."""

_FURTHEST = 3
# As many of the others are compared in full, those most alike in means over 80 ms.
_CANDIDATES, _COARSE = 32, 10
_TOGETHER = 256


def outline(bands: Float32[ndarray, "40 T"]) -> Float16[ndarray, "40 160"]:
    """Return the bands of a clip from where it begins to sound: 1 for the loudest, 0 for what it hides, and silence."""
    level = (bands - bands.max()) / RANGE + 1
    # Half the range above what is hidden, noise does not move the beginning.
    first = int((level.max(0) > 0.5).argmax())
    kept = level[:, first : first + FRAMES]
    return np.pad(kept, ((0, 0), (0, FRAMES - kept.shape[1]))).astype(np.float16)


def nearest(
    samples: Float16[ndarray, "N 40 160"], others: Float16[ndarray, "M 40 160"]
) -> tuple[Float32[ndarray, " N"], Int64[ndarray, " N"]]:
    """Return how alike each sample is to the most similar of one other or more, 1 for the same, and its place."""
    coarse = _coarse(others)
    alike, places = np.empty(len(samples), dtype=np.float32), np.empty(len(samples), dtype=np.int64)
    for start in range(0, len(samples), _TOGETHER):
        some = samples[start : start + _TOGETHER]
        for offset, row in enumerate(_coarse(some) @ coarse.T):
            candidates = np.argsort(-row, kind="stable")[:_CANDIDATES]
            found = _alike(some[offset], others[candidates])
            best = int(found.argmax())
            alike[start + offset], places[start + offset] = found[best], candidates[best]
    return alike, places


def _alike(sample: Float16[ndarray, "40 160"], others: Float16[ndarray, "M 40 160"]) -> Float32[ndarray, " M"]:
    moved = np.stack([_moved(sample, frames) for frames in range(-_FURTHEST, _FURTHEST + 1)])
    found: ndarray = (_unit(moved) @ _unit(others).T).max(0)
    return found


def _moved(sample: Float16[ndarray, "40 160"], frames: int) -> Float16[ndarray, "40 160"]:
    found = np.zeros_like(sample)
    if frames < 0:
        found[:, :frames] = sample[:, -frames:]
    else:
        found[:, frames:] = sample[:, : FRAMES - frames]
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
