"""Images at the one small size at which metrics look at all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

__all__ = ["SIDE", "thumbnails"]

SIDE = 32
"""The rows and columns of what metrics see; what is finer than a 32nd of an image is not seen."""


def thumbnails(images: Sequence[Image.Image]) -> UInt8[ndarray, "N 32 32 3"]:
    """Return images in colour, resized to SIDE x SIDE; a pixel is an average over all that falls into it."""
    found = np.empty((len(images), SIDE, SIDE, 3), dtype=np.uint8)
    for place, image in enumerate(images):
        if image.size != (SIDE, SIDE):
            image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        found[place] = np.asarray(image.convert("RGB"))
    return found
