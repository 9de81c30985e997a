"""Samples that are seen while they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from genwright.run import Run
    from genwright.samples import Sample

__all__ = ["Stage"]

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Stage(Generic[Item]):
    """How far a sample is drawn.

    item:   what there is of it so far, as the encoder reads tokens that end here
    sample: the sample itself, once it is whole and recorded; None until then
    """

    run: Run
    index: int
    item: Item
    sample: Sample[Item] | None = None
