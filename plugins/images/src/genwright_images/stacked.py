"""Stacked MNIST: three digits in one image, in red, green and blue, so that there are a thousand kinds to be found.

Sources: Metz et al. (2017), arXiv:1611.02163, where such images are used to count the modes that a generator misses;
Srivastava et al. (2017), arXiv:1705.07761 (VEEGAN), whose counts of 26,000 samples others compare with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from numpy import ndarray
from PIL import Image

from genwright.seeds import Noise
from genwright_images import readers
from genwright_images.image import pixels

__all__ = ["read", "stacks"]

_CHANNELS = 3


def read(path: Path, strict: bool = False) -> Iterator[Image.Image]:
    """Yield as many images as a file holds digits, each of three of them; see `stacks` and `readers.read`."""
    digits = list(readers.read(path, strict))
    yield from stacks(digits, len(digits))


def stacks(digits: Sequence[Image.Image], count: int) -> Iterator[Image.Image]:
    """Yield images in colour, each with three grey ones of one size as its channels; 4, 0 and 7 are of class "407".

    All three are drawn at random with replacement, each image's by its own place: the first few are the same however
    many are asked for. Without all three classes there is none.
    """
    grey = pixels(digits)
    for three in _places(count, len(digits)):
        image = Image.fromarray(np.moveaxis(grey[three], 0, -1))
        names = [digits[place].info.get("class") for place in three]
        if None not in names:
            image.info["class"] = "".join(map(str, names))
        yield image


def _places(count: int, digits: int) -> Int64[ndarray, "N 3"]:
    """Return which digits each image is made of."""
    bits = Noise(0, torch.arange(count)).bits("stacked-mnist", 0, _CHANNELS)
    # The upper part of a product, so that every digit is as likely as any other to one part in 2^32 / digits.
    return (bits * digits >> 32).numpy()
