"""MNIST in black and white, as exact likelihoods of digits are published: each pixel drawn once, by how light it is.

Papers share the draws of Larochelle's files binarized_mnist; these are others of the same law, made by Noise.

Sources: Salakhutdinov and Murray (2008), doi:10.1145/1390156.1390266, who drew so; Larochelle and Murray (2011),
"The Neural Autoregressive Distribution Estimator", AISTATS, whose draws are those that others take.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from genwright.seeds import Noise
from genwright_images import readers
from genwright_images.image import pixels
from genwright_images.provenance import unsigned

__all__ = ["drawn", "read"]

# Images drawn at once: enough to be quick, and the noise of so many fits in memory many times over.
_ROWS = 500


def read(path: Path, strict: bool = False) -> Iterator[Image.Image]:
    """Yield the grey images of a file in black and white, with their facts; see `drawn` and `readers.read`."""
    grey = readers.read(path, strict)
    first = 0
    while images := list(islice(grey, _ROWS)):
        for image, black in zip(images, drawn(pixels(images), first), strict=True):
            found = Image.fromarray(black)
            found.info = unsigned(image)
            yield found
        first += len(images)


def drawn(grey: UInt8[ndarray, "B Y X"], first: int) -> UInt8[ndarray, "B Y X"]:
    """Return 255 with a chance of grey / 255, else 0; row i is drawn as the image at place `first` + i always is."""
    bits = Noise(0, first + torch.arange(len(grey))).bits("binary-mnist", 0, grey[0].size)
    # The upper part of a product is one of 255 numbers, of which as many are below a grey as it has levels.
    below = (bits * 255 >> 32).numpy().reshape(grey.shape) < grey
    return below * np.uint8(255)
