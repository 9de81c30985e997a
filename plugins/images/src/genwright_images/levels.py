"""Images as tokens, one a level of brightness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Int64
from PIL import Image
from torch import Tensor

from genwright.encoder import Encoder
from genwright.errors import ConditionError, OptionError
from genwright.seeds import Noise
from genwright.space import Tokens
from genwright_images.canvas import Canvas

__all__ = ["Levels"]


@final
class Levels(Encoder[Image.Image]):
    """Images, a token a pixel, or three where there are colours: 256 levels as they are, or the nearest of fewer.

    levels:    how many, 2 to 256
    threshold: with two levels, the darkest that becomes white, 1 to 255
    size:      the side of a square to which every image is cut and resized; none for the size most training images have
    channels:  1 for grey, 3 for colour; none for colour if any training image has it
    """

    def __init__(
        self, *, levels: int = 256, threshold: int = 128, size: int | None = None, channels: int | None = None
    ) -> None:
        if not 2 <= levels <= 256:
            raise OptionError(f"encoder 'levels' has 2 to 256 levels; got {levels}. Try levels=256.")
        if not 1 <= threshold <= 255 or (threshold != 128 and levels != 2):
            raise OptionError(
                f"encoder 'levels' takes a threshold of 1 to 255, with levels=2; got {threshold} with levels={levels}. "
                "Leave it out, or ask for two levels."
            )
        self.levels, self.threshold = levels, threshold
        self.canvas = Canvas(encoder="levels", size=size, channels=channels)
        value = np.arange(256)
        nearest = np.rint(value * (levels - 1) / 255)
        self._tokens = torch.from_numpy((value >= threshold) if levels == 2 else nearest).long()
        self._values = np.rint(np.arange(levels) * 255 / (levels - 1)).astype(np.uint8)

    @property
    def space(self) -> Tokens:
        """Rows and columns, and the channels of a colour last; token 0 is black, the last one white."""
        shape = (self.canvas.height, self.canvas.width, self.canvas.channels)
        return Tokens(vocab_size=self.levels, shape=shape if self.canvas.channels > 1 else shape[:2])

    @property
    def augments(self) -> bool:
        """Never: an image has one spelling."""
        return False

    def fit(self, items: Sequence[Image.Image]) -> None:
        """Learn the size and the channels, unless they are given."""
        self.canvas.fit(items)

    def state(self) -> Mapping[str, Any]:
        """Return the size and the channels."""
        return self.canvas.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the size and the channels."""
        self.canvas.restore(state)

    def encode(self, items: Sequence[Image.Image], *, noise: Noise | None = None) -> Int64[Tensor, "B Y X *C"]:
        """Return the levels of images. Raises DataError for one of another size, unless a size was given."""
        tokens = self._tokens[torch.from_numpy(self.canvas.pixels(items)).long()]
        return tokens.view(len(items), *self.space.shape)

    def decode(self, tensors: Int64[Tensor, " B *shape"]) -> list[Image.Image]:
        """Return the images of levels, which may also stand in one row an image, as samplers draw them."""
        canvas = self.canvas
        tokens = tensors.clamp(0, self.levels - 1).view(-1, canvas.height, canvas.width, canvas.channels)
        return canvas.images(self._values[tokens.numpy()])

    def prefix(self, text: str) -> Sequence[Sequence[int]]:
        """Raise ConditionError, since no text starts an image."""
        raise ConditionError("encoder 'levels' has a token a pixel, so no text starts an image. Ask for a class.")
