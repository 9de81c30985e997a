"""A hash of what a picture looks like: pictures that look alike have hashes that differ in few bits.

Source: Zauner (2010), Implementation and benchmarking of perceptual image hash functions, section 3.2.1.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from numpy import ndarray
from PIL import Image

__all__ = ["perceptual_hash"]

_SIDE, _KEPT = 32, 8


def perceptual_hash(image: Image.Image) -> bytes | None:
    """Return 64 bits: which of the 8 x 8 lowest waves in the picture are above their median; None for one colour."""
    grey = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    pixels = np.asarray(grey, dtype=np.float64)
    if pixels.min() == pixels.max():
        return None
    # Rounded, so that waves which are not there are 0 whatever the order of the additions.
    waves = np.round(_WAVES @ pixels @ _WAVES.T, 6)
    return np.packbits(waves > np.median(waves)).tobytes()


def _cosines() -> Float64[ndarray, "8 32"]:
    """Return the rows of the discrete cosine transform (DCT-II) after the first, which is the mean."""
    wave, place = np.arange(1, _KEPT + 1)[:, None], np.arange(_SIDE)
    return np.cos(np.pi * wave * (2 * place + 1) / (2 * _SIDE))


_WAVES = _cosines()
