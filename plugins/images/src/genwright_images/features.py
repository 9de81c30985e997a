"""What metrics compare images by: numbers from fixed random convolutions and from coarse waves, learned from nothing.

Networks that are trained on photographs cost a download and see photographs everywhere; those with random weights order
models of other kinds of images at least as well. Source: Naeem et al. (2020), arXiv:2002.09797, section 5.

An image x is taken at 32 x 32 pixels in RGB (see `thumbnails`), black at -1 and white at 1. It has 256 features:

1. Two layers of convolution with "same" zero padding, a rectifier, and the mean over squares of 2 x 2: 24 filters of
   5 x 5 pixels, then 48 of 3 x 3. Weights are normal with variance 2 / fan-in, from the Philox draws of `Noise(0, i)`
   for filter i under the purposes "features/0" and "features/1"; there are no offsets. The mean of each of the 48
   channels over each quarter of the image gives 192 features, by channel, then row, then column.
2. The 8 x 8 coarsest coefficients of the orthonormal two-dimensional cosine transform (DCT-II) of the mean of the
   channels, divided by 32: 64 features, by row, then column.

Distances are between features from which the mean of the reference was subtracted and which were divided by its
deviation (0.01 where that is smaller), so all count alike and values are comparable for one reference only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float32, UInt8
from numpy import ndarray
from PIL import Image
from torch import Tensor

from genwright.seeds import Noise
from genwright_images.thumbnails import SIDE, thumbnails

__all__ = ["COUNT", "FLOOR", "features", "identity"]

COUNT = 256
"""How many features an image has."""

FLOOR = 0.01
"""The least deviation by which a feature is divided."""

_LAYERS = ((3, 24, 5), (24, 48, 3))
_WAVES = 8
_BATCH = 256


def features(images: Sequence[Image.Image]) -> Float32[ndarray, "N 256"]:
    """Return the features of images; see the top of this module."""
    found = np.empty((len(images), COUNT), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(images), _BATCH):
            found[start : start + _BATCH] = _features(thumbnails(images[start : start + _BATCH])).numpy()
    return found


@cache
def identity() -> str:
    """Return the name of these features: their version, and the start of a digest of the weights."""
    weights = b"".join(weight.numpy().tobytes() for weight in _weights())
    return f"random-convolutions@1 {hashlib.sha256(weights).hexdigest()[:16]}"


def _features(pixels: UInt8[ndarray, "B Y X C"]) -> Float32[Tensor, "B F"]:
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    waves = _cosines() @ x.mean(1) @ _cosines().T / SIDE
    for weight in _weights():
        x = F.avg_pool2d(F.conv2d(x, weight, padding="same").relu(), 2)
    found: Tensor = torch.cat((F.adaptive_avg_pool2d(x, 2).flatten(1), waves.flatten(1)), 1)
    return found


@cache
def _weights() -> tuple[Tensor, ...]:
    return tuple(_weight(place, *layer) for place, layer in enumerate(_LAYERS))


def _weight(place: int, given: int, filters: int, side: int) -> Float32[Tensor, "filters given side side"]:
    fan_in = given * side * side
    draws = Noise(0, torch.arange(filters)).normal(f"features/{place}", 0, fan_in)
    scale: float = (2 / fan_in) ** 0.5
    return (scale * draws).view(filters, given, side, side)


@cache
def _cosines() -> Float32[Tensor, "8 32"]:
    """Return the coarsest rows of the orthonormal cosine transform."""
    angles = torch.outer(torch.arange(_WAVES), torch.arange(SIDE) + 0.5).double() * torch.pi / SIDE
    scale: float = (2 / SIDE) ** 0.5
    rows = scale * angles.cos()
    rows[0] /= 2**0.5
    return rows.to(torch.float32)
