"""Rows of images being drawn from a PixelCNN, pixel by pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, final

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from genwright.readings import Condition

if TYPE_CHECKING:
    from genwright.backbones.pixelcnn import Layer, PixelCNN

__all__ = ["PixelStream"]


@final
class PixelStream:
    """Images being drawn, each at a position of its own.

    The vertical stack of a row of pixels depends on those above alone, so it is computed once a row, whole; the
    horizontal one pixel by pixel from what it kept of the pixels to the left. All images are computed alike, whether
    they begin a row or a pixel or not, and keep what they have if they do not.
    """

    def __init__(self, network: PixelCNN, condition: Condition) -> None:
        self._network = network
        self._layers = cast("list[Layer]", list(network.layers))
        weight, count = network.place, len(condition)
        self._rows, self._columns, self._channels = network.image
        vertical, horizontal = (part.shape[-1] for part in network.placed)
        self._tokens = torch.zeros(count, network.space.size, dtype=torch.int64, device=weight.device)
        self._at = self._tokens[:, 0].clone()
        self._each = torch.arange(count, device=weight.device)
        # Of each layer: its input in the rows above, its output in this one, and its input in this row's pixels, before
        # which lie zeros for those outside the image.
        self._above = [weight.new_zeros(count, layer.apart, self._columns, vertical) for layer in self._layers]
        self._row = [weight.new_zeros(count, self._columns, vertical) for _ in self._layers]
        self._left = [weight.new_zeros(count, layer.apart + self._columns, horizontal) for layer in self._layers]
        self._pixel = weight.new_zeros(count, horizontal)
        self._asked = self._ask(condition)

    @torch.inference_mode()
    def step(self, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """Return the logits that follow, given one more token a row."""
        before = (self._at - 1).clamp(min=0)
        self._tokens[self._each, before] = torch.where(self._at > 0, tokens, self._tokens[self._each, before])
        pixel, channel = self._at // self._channels, self._at % self._channels
        y, x = pixel // self._columns, pixel % self._columns
        begun = channel == 0
        if bool((begun & (x == 0)).any()):
            self._descend(begun & (x == 0), y)
        if bool(begun.any()):
            self._pixel = torch.where(begun[:, None], self._advance(y, x), self._pixel)
        image = self._tokens.view(len(tokens), -1, self._channels)[self._each, pixel]
        logits = self._network.logits(self._row[-1][self._each, x], self._pixel, image)
        self._at = (self._at + 1).clamp(max=self._network.space.size - 1)
        return logits[self._each, channel]

    @torch.inference_mode()
    def restart(self, rows: Bool[Tensor, " B"], condition: Condition) -> None:
        """Begin these rows anew. What they kept of the rows above is dropped when their first one begins."""
        self._at = torch.where(rows, 0, self._at)
        asked = self._ask(condition)
        self._asked = [
            None if now is None or before is None else torch.where(rows[:, None], now, before)
            for now, before in zip(asked, self._asked, strict=True)
        ]

    @torch.inference_mode()
    def _ask(self, condition: Condition) -> list[Tensor | None]:
        return self._network.asked(condition.to(self._at.device))

    def _descend(self, begun: Bool[Tensor, " B"], y: Int64[Tensor, " B"]) -> None:
        """Compute the vertical stack of the row at which each image stands, and keep it where that has just begun."""
        network = self._network
        v = network.descend(self._values_above(y)) + network.placed[0][y][:, None]
        for at, (layer, asked) in enumerate(zip(self._layers, self._asked, strict=True)):
            above = torch.where((y == 0)[:, None, None, None], 0.0, self._above[at])
            window = torch.cat((above, v), 1)
            v = layer.descend(window, asked)
            self._above[at] = torch.where(begun[:, None, None, None], window[:, 1:], self._above[at])
            self._row[at] = torch.where(begun[:, None, None], v[:, 0], self._row[at])

    def _advance(self, y: Int64[Tensor, " B"], x: Int64[Tensor, " B"]) -> Float[Tensor, "B E"]:
        """Return the horizontal stack of the pixel at which each image stands."""
        network = self._network
        h = network.advance(self._values_before(y, x))[:, 0, 0] + network.placed[1][y, x]
        for at, (layer, asked) in enumerate(zip(self._layers, self._asked, strict=True)):
            kept = self._left[at]
            kept[self._each, x + layer.apart] = h
            h = layer.advance(h, kept[self._each, x], self._row[at][self._each, x], asked)
        return h

    def _values_above(self, y: Int64[Tensor, " B"]) -> Float[Tensor, "B P X S"]:
        rows = y[:, None] + torch.arange(-self._network.reach, 0, device=y.device)
        image = self._tokens.view(-1, *self._network.image)
        values = self._network.values(image[self._each[:, None], rows.clamp(min=0)])
        return torch.where((rows >= 0)[..., None, None], values, 0.0)

    def _values_before(self, y: Int64[Tensor, " B"], x: Int64[Tensor, " B"]) -> Float[Tensor, "B 1 P S"]:
        columns = x[:, None] + torch.arange(-self._network.reach, 0, device=x.device)
        image = self._tokens.view(-1, *self._network.image)
        values = self._network.values(image[self._each[:, None], y[:, None], columns.clamp(min=0)])
        return torch.where((columns >= 0)[..., None], values, 0.0)[:, None]
