"""What spreads the drawing of samples over processes or machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from genwright.generation import Generation
from genwright.samples import Sample

__all__ = ["Engine"]


class Engine(Protocol):
    """Draws samples, anywhere and in any order, and hands them back by index.

    A sample depends on its generation and index alone, so engines differ in speed and in nothing else. Options are
    keyword-only parameters of the constructor.
    """

    def samples(self, generation: Generation[Any], run: str, indices: Sequence[int]) -> Iterator[Sample[Any]]:
        """Yield the samples of these indices, in their order, checked and identified, in constant memory."""
