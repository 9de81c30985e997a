"""Images as they were sampled, with all that metrics compute of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import final

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray
from PIL import Image

from genwright.gaussian import Gaussian
from genwright.seeds import permutation
from genwright_images.features import features
from genwright_images.image import facts, flaw

__all__ = ["COMPARED", "Gathered"]

COMPARED = 10_000
"""How many images of a set the kernel distance compares at most: it takes the square of that in pairs."""

_GROUPS = 10


@final
class Gathered:
    """The images without a flaw, in their order, and what metrics compute of them, each once and when asked for."""

    def __init__(self, images: Sequence[Image.Image]) -> None:
        self.images = [image for image in images if flaw(image) is None]

    @cached_property
    def classes(self) -> tuple[str | None, ...]:
        """The class that each says it is of."""
        return tuple(facts(image.info).get("class") for image in self.images)

    @cached_property
    def features(self) -> Float32[ndarray, "N F"]:
        """The features of each."""
        return features(self.images)

    @cached_property
    def compared(self) -> Float32[ndarray, "N F"]:
        """The features of COMPARED of them, drawn once and for all; of all if there are no more."""
        chosen: Int64[ndarray, " N"] = permutation(0, 0, len(self.images))[:COMPARED].numpy()
        return np.take(self.features, chosen, axis=0)

    @cached_property
    def gaussians(self) -> tuple[Gaussian, ...]:
        """The Gaussians of the features of ten groups of them; of each alone where there are fewer than ten."""
        return tuple(Gaussian.fit(self.features[start::_GROUPS]) for start in range(min(_GROUPS, len(self.images))))
