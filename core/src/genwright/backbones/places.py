"""The places that a network is laid out over: a line or a plane of them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from genwright.errors import MismatchError
from genwright.space import SampleSpace, Tokens

__all__ = ["CONVOLUTIONS", "laid_out"]

CONVOLUTIONS: Mapping[int, type[nn.Conv1d] | type[nn.Conv2d]] = {1: nn.Conv1d, 2: nn.Conv2d}
"""What goes over places along one axis, and over those along two."""


def laid_out(space: SampleSpace, *, backbone: str) -> tuple[int, ...]:
    """Return the sizes of a space without its channels. Raises MismatchError for other than one axis or two."""
    found = space.shape if isinstance(space, Tokens) else space.shape[1:]
    if len(found) not in CONVOLUTIONS:
        raise MismatchError(
            f"{backbone} works on numbers of shape (C, L) or (C, Y, X) and tokens of shape (L,) or (Y, X); got "
            f"{space.kind} of shape {space.shape}. For a vector, use the backbone 'dense'."
        )
    return found
