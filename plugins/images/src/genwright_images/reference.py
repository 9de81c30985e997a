"""A set of images to compare samples with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float32, Float64
from numpy import ndarray
from PIL import Image

from genwright.classifier import held_out
from genwright.discrepancy import mean_of_pairs
from genwright.gaussian import Gaussian
from genwright.parts import Arrays, Parts
from genwright_images.classifier import Classifier
from genwright_images.features import FLOOR, identity
from genwright_images.gathered import Gathered
from genwright_images.image import digest
from genwright_images.thumbnails import thumbnails

__all__ = ["Reference"]

# Raised when a part would come out otherwise from the same images.
_FORMAT = 1


@final
class Reference:
    """A set of images with all that metrics need of it, each part computed once and then kept on disk.

    Parts are kept by the digest of the pixels and classes, and of what computes them. The 60,000 of Fashion-MNIST take
    a minute of one core the first time, half of it for the classifier. Images with a flaw are left out.

    folder: where parts are kept; None for the user's cache
    """

    def __init__(self, images: Sequence[Image.Image], *, folder: Path | None = None) -> None:
        self._gathered = Gathered(images)
        self._parts = Parts(domain="images", digest=self.digest, folder=folder)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all that decides the parts, in 32 hexadecimal digits."""
        found = hashlib.sha256(f"{_FORMAT} {identity()}".encode())
        for image, name in zip(self._gathered.images, self._gathered.classes, strict=True):
            found.update(f"\n{digest(image)} {name or ''}".encode())
        return found.hexdigest()[:32]

    def __len__(self) -> int:
        return len(self._gathered.images)

    @cached_property
    def mean(self) -> Float64[ndarray, " F"]:
        """What is subtracted from features."""
        return self._moments.mean

    @cached_property
    def deviation(self) -> Float64[ndarray, " F"]:
        """What features are divided by then."""
        return np.sqrt(np.diag(self._moments.covariance)).clip(min=FLOOR)

    @cached_property
    def gaussian(self) -> Gaussian:
        """The Gaussian of the scaled features."""
        return self._moments.scaled(self.mean, self.deviation)

    @cached_property
    def compared(self) -> Float32[ndarray, "M F"]:
        """The scaled features that the kernel distance compares with."""
        return self.scaled(self._parts.get("compared", lambda: {"rows": self._gathered.compared})["rows"])

    @cached_property
    def within(self) -> float:
        """The mean of the kernel over all pairs of `compared`."""
        return float(self._parts.get("within", lambda: {"mean": np.array(mean_of_pairs(self.compared))})["mean"])

    @cached_property
    def classifier(self) -> Classifier | None:
        """A classifier trained on nine tenths of the images that say their class; None for fewer than two classes."""
        if len({name for name in self._gathered.classes if name is not None}) < 2:
            return None
        return Classifier.of_arrays(self._parts.get("classifier", self._trained))

    @cached_property
    def ceiling(self) -> tuple[int, int] | None:
        """How many of the tenth that it was not trained on the classifier gets right, and how many these are."""
        if self.classifier is None:
            return None
        images, classes = self._labelled(held_out(self._gathered.classes))
        predicted = self.classifier.predicted(thumbnails(images))
        return sum(one == other for one, other in zip(predicted, classes, strict=True)), len(images)

    def scaled(self, rows: Float32[ndarray, "N F"]) -> Float32[ndarray, "N F"]:
        """Return features less the mean of the reference, divided by its deviation."""
        return np.asarray((rows - self.mean) / self.deviation, dtype=np.float32)

    @cached_property
    def _moments(self) -> Gaussian:
        return Gaussian.of_arrays(
            self._parts.get("moments", lambda: Gaussian.merged(self._gathered.gaussians).to_arrays())
        )

    def _trained(self) -> Arrays:
        known = set(held_out(self._gathered.classes))
        rest = [p for p, name in enumerate(self._gathered.classes) if name is not None and p not in known]
        images, classes = self._labelled(rest)
        return Classifier.trained(thumbnails(images), classes).to_arrays()

    def _labelled(self, places: Sequence[int]) -> tuple[list[Image.Image], list[str]]:
        pairs = ((self._gathered.images[place], self._gathered.classes[place]) for place in places)
        known = [(image, name) for image, name in pairs if name is not None]
        return [image for image, _ in known], [name for _, name in known]
