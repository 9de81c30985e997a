"""Images as real numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from genwright.encoder import Encoder
from genwright.errors import ConditionError
from genwright.seeds import Noise
from genwright.space import Continuous
from genwright_images.canvas import Canvas

__all__ = ["Pixels"]

_HALF = 127.5


@final
class Pixels(Encoder[Image.Image]):
    """Images as real numbers, black at -1 and white at 1.

    size:     the side of a square to which every image is cut and resized; none for the size most training images have
    channels: 1 for grey, 3 for colour; none for colour if any training image has it
    flip:     train on each image and its mirror image, left and right changed, alike
    """

    def __init__(self, *, size: int | None = None, channels: int | None = None, flip: bool = False) -> None:
        self.canvas = Canvas(encoder="pixels", size=size, channels=channels)
        self.flip = flip

    @property
    def space(self) -> Continuous:
        """Channels, rows and columns, in steps of one level."""
        shape = (self.canvas.channels, self.canvas.height, self.canvas.width)
        return Continuous(shape=shape, axes=("C", "Y", "X"), step=1 / _HALF)

    @property
    def augments(self) -> bool:
        """Whether the encoder was made with flip=True."""
        return self.flip

    def fit(self, items: Sequence[Image.Image]) -> None:
        """Learn the size and the channels, unless they are given."""
        self.canvas.fit(items)

    def state(self) -> Mapping[str, Any]:
        """Return the size and the channels."""
        return self.canvas.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the size and the channels."""
        self.canvas.restore(state)

    def encode(self, items: Sequence[Image.Image], *, noise: Noise | None = None) -> Float[Tensor, "B C Y X"]:
        """Return the channels of images; with flip, a draw from the noise says which are mirrored.

        Raises DataError for an image of another size, unless a size was given.
        """
        x = torch.from_numpy(self.canvas.pixels(items)).permute(0, 3, 1, 2).float() / _HALF - 1
        if noise is None or not self.flip:
            return x
        mirrored = noise.uniform("flip", 0, 1).view(-1, 1, 1, 1) < 0.5
        return torch.where(mirrored, x.flip(-1), x)

    def decode(self, tensors: Float[Tensor, "B C Y X"]) -> list[Image.Image]:
        """Return the images nearest to tensors; what is beyond black or white is cut, what is no number is grey."""
        levels = ((tensors.float().nan_to_num(0.0) + 1) * _HALF).round().clamp(0, 255)
        return self.canvas.images(levels.permute(0, 2, 3, 1).numpy().astype(np.uint8))

    def prefix(self, text: str) -> Sequence[Sequence[int]]:
        """Raise ConditionError, since no text starts an image."""
        raise ConditionError("encoder 'pixels' gives no tokens, so no text starts an image. Ask for class or caption.")
