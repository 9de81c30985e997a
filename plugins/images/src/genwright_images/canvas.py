"""The size and channels that all images of one model have, and the pixels of images in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image, ImageOps

from genwright.errors import DataError, OptionError
from genwright_images.image import MODES

__all__ = ["Canvas"]

_WIDEST = 4096


@final
class Canvas:
    """What images are laid out on, of which nothing given is learned from the training data.

    encoder:  whose canvas it is, for messages
    size:     the side of a square to which every image is cut and resized; None for the size most training images have,
              and no other
    channels: 1 for grey, 3 for colour; None for colour if any training image has it
    """

    def __init__(self, *, encoder: str, size: int | None, channels: int | None) -> None:
        if size is not None and not 1 <= size <= _WIDEST:
            raise OptionError(f"encoder {encoder!r} needs a size of 1 to {_WIDEST} pixels; got {size}. Try size=32.")
        if channels not in (None, 1, 3):
            raise OptionError(f"encoder {encoder!r} has 1 channel or 3; got {channels}. Take 1 for grey, 3 for colour.")
        self._encoder, self._size, self._channels = encoder, size, channels
        self.height, self.width = (0, 0) if size is None else (size, size)
        self.channels = 1 if channels is None else channels

    def fit(self, items: Sequence[Image.Image]) -> None:
        """Learn the size and the channels, unless they are given."""
        if self._size is None and items:
            # Of sizes equally frequent, that of the earliest image.
            (self.width, self.height), _ = Counter(item.size for item in items).most_common(1)[0]
        if self._channels is None:
            self.channels = 3 if any(item.mode != "L" for item in items) else 1

    def state(self) -> dict[str, Any]:
        """Return the size and the channels."""
        return {"height": self.height, "width": self.width, "channels": self.channels}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the size and the channels."""
        self.height, self.width, self.channels = state["height"], state["width"], state["channels"]

    def pixels(self, items: Sequence[Image.Image]) -> UInt8[ndarray, "B Y X C"]:
        """Return the pixels of images.

        Raises DataError for one neither in grey nor in RGB, of another size unless a size was given, or in colour where
        all training data were grey unless channels were given.
        """
        mode = "L" if self.channels == 1 else "RGB"
        found = np.zeros((len(items), self.height, self.width, self.channels), dtype=np.uint8)
        for place, item in enumerate(items):
            found[place] = np.asarray(self._sized(item).convert(mode)).reshape(found.shape[1:])
        return found

    @property
    def resizes(self) -> bool:
        """Whether images of any size are taken."""
        return self._size is not None

    def images(self, pixels: UInt8[ndarray, "B Y X C"]) -> list[Image.Image]:
        """Return the images of pixels."""
        rows = pixels[..., 0] if self.channels == 1 else pixels
        return [Image.fromarray(row) for row in np.ascontiguousarray(rows)]

    def _sized(self, item: Image.Image) -> Image.Image:
        if item.mode not in MODES:
            raise DataError(
                f"encoder {self._encoder!r} takes images of mode {' or '.join(MODES)}, as reading a file gives them; "
                f"got one of mode {item.mode}. Bring it to 8 bits a channel, then: genwright_images.image.plain(image)."
            )
        if self._channels is None and self.channels == 1 and item.mode != "L":
            raise DataError(
                f"encoder {self._encoder!r} takes grey images, as all of its training data are; got one in colour. "
                "Bring it to grey, item.convert('L'), or train with channels=1."
            )
        if item.size == (self.width, self.height):
            return item
        if self._size is None:
            raise DataError(
                f"encoder {self._encoder!r} takes images of {self.width} x {self.height} pixels, as most of its "
                f"training data are; got {item.width} x {item.height}. Set size= to have all cut and resized."
            )
        return ImageOps.fit(item, (self.width, self.height), Image.Resampling.LANCZOS)
