"""A small network that tells the classes of images apart, trained where it is used."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, final

import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from genwright import classifier
from genwright.classifier import Weights
from genwright_images.thumbnails import SIDE

__all__ = ["Classifier"]

_LAYERS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"first": (16, 3, 5, 5), "second": (32, 16, 3, 3), "third": (64, 32 * (SIDE // 4) ** 2)}
)


@final
class Classifier(classifier.Classifier):
    """Two convolutions and two linear layers that see images at 32 x 32 pixels.

    It is trained for two and a half rounds through 60,000 images.
    """

    steps: ClassVar[int] = 2_400

    @staticmethod
    def shapes(classes: int) -> Mapping[str, tuple[int, ...]]:
        """Return the shape of each weight, its outputs first, for so many classes."""
        return {**_LAYERS, "last": (classes, _LAYERS["third"][0])}

    @staticmethod
    def logits(weights: Weights, inputs: UInt8[Tensor, "B 32 32 3"]) -> Float[Tensor, "B K"]:
        """Return the logits of the classes."""
        w, x = weights, inputs.permute(0, 3, 1, 2).float() / 127.5 - 1
        x = F.conv2d(x, w["first"], w["first/offset"], stride=2, padding=2).relu()
        x = F.max_pool2d(F.conv2d(x, w["second"], w["second/offset"], padding=1).relu(), 2)
        x = F.linear(x.flatten(1), w["third"], w["third/offset"]).relu()
        return F.linear(x, w["last"], w["last/offset"])
