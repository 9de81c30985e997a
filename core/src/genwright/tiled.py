"""A row that is read as one of as many as networks are given elsewhere."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from genwright.readings import Condition, NextToken, Steady
from genwright.rows import TILE

__all__ = ["Tiled"]


@final
class Tiled:
    """A reading of tokens whose network is given 16 rows where one is asked for, so that its bits are those of each."""

    def __init__(self, inner: NextToken) -> None:
        self.inner = inner

    @property
    def start(self) -> int:
        """The token to give first."""
        return self.inner.start

    @property
    def stop(self) -> int | None:
        """The token that ends a row, or None."""
        return self.inner.stop

    @property
    def length(self) -> int:
        """How many tokens a row has."""
        return self.inner.length

    def open(self, condition: Condition) -> TiledStream:
        """Return a stream of as many rows as the condition has, filled up with the last of them."""
        return TiledStream(self.inner, condition)


@final
class TiledStream:
    """Rows being drawn, of a whole number of tiles."""

    def __init__(self, inner: NextToken, condition: Condition) -> None:
        self.count = len(condition)
        places = torch.arange(-(-self.count // TILE) * TILE, device=condition.labels.device)
        self.places = places.clamp(max=self.count - 1)
        self.stream = inner.open(condition[self.places])

    @property
    def is_steady(self) -> bool:
        """Whether a GPU can replay a step."""
        return isinstance(self.stream, Steady) and self.stream.is_steady

    def step(self, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """Return the logits that follow, given one more token a row."""
        return self.stream.step(tokens[self.places])[: self.count]

    def restart(self, rows: Bool[Tensor, " B"], condition: Condition) -> None:
        """Begin these rows anew."""
        self.stream.restart(rows[self.places], condition[self.places])
