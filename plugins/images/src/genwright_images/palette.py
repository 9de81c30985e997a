"""Images as tokens, one a colour of a palette learned from data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float64, Int64, Shaped, UInt8
from numpy import ndarray
from PIL import Image
from torch import Tensor

from genwright.encoder import Encoder
from genwright.errors import ConditionError, OptionError
from genwright.seeds import Noise, permutation
from genwright.space import Tokens
from genwright_images.canvas import Canvas

__all__ = ["Palette"]

# Rounds of k-means, and how many pixels of the training data it sees. The 3.8 million of 3,673 emoji take 3 s.
_ROUNDS = 20
_PIXELS = 1 << 22
_BATCH = 256
# Colours whose nearest are looked for at once, so that memory does not grow with how many there are.
_BLOCK = 1 << 14


@final
class Palette(Encoder[Image.Image]):
    """Images, a token a pixel: the nearest colour of a palette that is fitted to the training data, from dark to light.

    If the data have no more colours than the palette, it is theirs, and nothing is lost.

    colours:  how many, 2 to 256
    size:     the side of a square to which every image is cut and resized; none for the size most training images have
    """

    def __init__(self, *, colours: int = 256, size: int | None = None) -> None:
        if not 2 <= colours <= 256:
            raise OptionError(f"encoder 'palette' has 2 to 256 colours; got {colours}. Try colours=64.")
        self.colours = colours
        self.canvas = Canvas(encoder="palette", size=size, channels=None)
        self._palette = np.zeros((1, 3), dtype=np.uint8)

    @property
    def space(self) -> Tokens:
        """Rows and columns; token 0 is the darkest colour."""
        return Tokens(vocab_size=len(self._palette), shape=(self.canvas.height, self.canvas.width))

    @property
    def augments(self) -> bool:
        """Never: an image has one spelling."""
        return False

    def fit(self, items: Sequence[Image.Image]) -> None:
        """Learn the size, unless it is given, and the colours, by k-means."""
        self.canvas.fit(items)
        size = (self.canvas.width, self.canvas.height)
        fitting = [item for item in items if self.canvas.resizes or item.size == size]
        found = _few(fitting, self.canvas, self.colours)
        if found is None:
            found = _distinct(_clustered(_some(fitting, self.canvas), self.colours))
        weights = found.astype(np.int64) @ (299, 587, 114)
        self._palette = found[np.argsort(weights, kind="stable")]

    def state(self) -> Mapping[str, Any]:
        """Return the size and the colours."""
        return {**self.canvas.state(), "palette": self._palette.tolist()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the size and the colours."""
        self.canvas.restore(state)
        self._palette = np.array(state["palette"], dtype=np.uint8).reshape(-1, 3)

    def encode(self, items: Sequence[Image.Image], *, noise: Noise | None = None) -> Int64[Tensor, "B Y X"]:
        """Return the places of colours in the palette. Raises DataError for another size, unless one was given."""
        pixels = _coloured(self.canvas.pixels(items))
        packed, places = np.unique(pixels.astype(np.int64) @ _PACKING, return_inverse=True)
        colours = packed[:, None] // _PACKING % 256
        blocks = np.array_split(colours, -(-len(colours) // _BLOCK) or 1)
        nearest = np.concatenate([self._nearest(block) for block in blocks])
        return torch.from_numpy(nearest[places].reshape(pixels.shape[:3]))

    def _nearest(self, colours: Int64[ndarray, "N 3"]) -> Int64[ndarray, " N"]:
        distances = ((colours[:, None] - self._palette.astype(np.int64)) ** 2).sum(-1)
        return np.asarray(distances.argmin(1))

    def decode(self, tensors: Int64[Tensor, " B *shape"]) -> list[Image.Image]:
        """Return the images of places in the palette, which may also stand in one row an image, as they are drawn."""
        tokens = tensors.clamp(0, len(self._palette) - 1).view(-1, *self.space.shape)
        pixels = self._palette[tokens.numpy()]
        return self.canvas.images(pixels[..., : self.canvas.channels])

    def prefix(self, text: str) -> Sequence[Sequence[int]]:
        """Raise ConditionError, since no text starts an image."""
        raise ConditionError("encoder 'palette' has a token a pixel, so no text starts an image. Ask for a class.")


_PACKING = np.array([1 << 16, 1 << 8, 1])


def _few(items: Sequence[Image.Image], canvas: Canvas, most: int) -> UInt8[ndarray, "K 3"] | None:
    """Return the colours of all items, or None where they have more than `most`."""
    found = np.empty((0, 3), dtype=np.uint8)
    for start in range(0, len(items), _BATCH):
        pixels = _coloured(canvas.pixels(items[start : start + _BATCH])).reshape(-1, 3)
        found = _distinct(np.concatenate((found, pixels)))
        if len(found) > most:
            return None
    return found


def _some(items: Sequence[Image.Image], canvas: Canvas) -> UInt8[ndarray, "N 3"]:
    """Return the pixels of as many of the items, chosen evenly, as are looked at."""
    most = max(1, _PIXELS // max(1, canvas.height * canvas.width))
    chosen = permutation(0, 0, len(items))[:most].tolist()
    return _coloured(canvas.pixels([items[place] for place in chosen])).reshape(-1, 3)


def _coloured(pixels: UInt8[ndarray, "B Y X C"]) -> UInt8[ndarray, "B Y X 3"]:
    return np.broadcast_to(pixels, (*pixels.shape[:3], 3))


def _distinct(pixels: UInt8[ndarray, "N 3"]) -> UInt8[ndarray, "K 3"]:
    packed = np.unique(pixels.astype(np.int64) @ _PACKING)
    return np.asarray(packed[:, None] // _PACKING % 256, dtype=np.uint8)


def _clustered(pixels: UInt8[ndarray, "N 3"], colours: int) -> UInt8[ndarray, "K 3"]:
    """Return the centres that k-means finds, begun at colours each the farthest from those before.

    Pixels are first put into bins of 8 levels a channel, each of which counts at its mean; of 4, 2 or 1 where there
    would be too few bins to choose from, as of greys.
    Source: Lloyd (1982), doi:10.1109/TIT.1982.1056489; the beginning is that of Gonzalez (1985),
    doi:10.1016/0304-3975(85)90224-5, with distances weighted by counts.
    """
    places, counts = _bins(pixels, 4 * colours)
    bins = _means(pixels, places, np.ones(len(pixels)), len(counts))
    centres = bins[[counts.argmax()]]
    while len(centres) < min(colours, len(bins)):
        nearest = _distances(bins, centres).min(1)
        centres = np.concatenate((centres, bins[[(nearest * counts).argmax()]]))
    for _ in range(_ROUNDS):
        places = _distances(bins, centres).argmin(1)
        is_used = np.bincount(places, minlength=len(centres)) > 0
        centres = np.where(is_used[:, None], _means(bins, places, counts, len(centres)), centres)
    return np.asarray(np.rint(centres), dtype=np.uint8)


def _bins(pixels: UInt8[ndarray, "N 3"], wanted: int) -> tuple[Int64[ndarray, " N"], Int64[ndarray, " K"]]:
    """Return the bin of each pixel and how many are in each, of the coarsest bins of which there are as many."""
    for shift in (3, 2, 1, 0):
        packed = (pixels >> shift).astype(np.int64) @ _PACKING
        places, counts = np.unique(packed, return_inverse=True, return_counts=True)[1:]
        if len(counts) >= wanted:
            break
    return places, counts


def _means(
    rows: Shaped[ndarray, "N 3"], places: Int64[ndarray, " N"], weights: Shaped[ndarray, " N"], count: int
) -> Float64[ndarray, "K 3"]:
    """Return the weighted mean of the rows at each place; 0 for none."""
    total = np.maximum(np.bincount(places, weights, count), 1)
    return np.stack([np.bincount(places, weights * rows[:, channel], count) / total for channel in range(3)], 1)


def _distances(rows: Float64[ndarray, "N 3"], centres: Float64[ndarray, "K 3"]) -> Float64[ndarray, "N K"]:
    """Return the squared distance of each row to each centre."""
    squares: Float64[ndarray, "N K"] = (rows**2).sum(1)[:, None] - 2 * rows @ centres.T + (centres**2).sum(1)
    return squares
