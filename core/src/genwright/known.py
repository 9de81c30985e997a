"""A part of an item, around which samples are drawn."""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genwright.encoder import Encoder
from genwright.errors import MismatchError, OptionError, ShapeError
from genwright.recipe import Component, use
from genwright.space import Continuous

__all__ = ["around", "part", "read", "written"]


def around(encoder: Encoder[Any], item: Any, free: Any, *, sampler: Component) -> Component:
    """Return the sampler that draws as another does, around a part of an item. Raises as `part` does."""
    return use("inpaint", inner=sampler, known=written(part(encoder, item, free)))


def part(encoder: Encoder[Any], item: Any, free: Any) -> Float[Tensor, "*shape"]:
    """Return an encoded item with NaN where it is free.

    free: what numpy makes an array of, true where the item is to be drawn; of a sample's shape, or of its last axes

    Raises MismatchError where items are encoded as tokens, ShapeError for a mask of another shape, DataError for an
    item that cannot be encoded.
    """
    space = encoder.space
    if not isinstance(space, Continuous):
        raise MismatchError(
            "samples are drawn around a part of an item where items are encoded as numbers; this model's are "
            f"{space.kind}. Ask for a start, if the domain has one, or choose a diffusion or flow model."
        )
    mask = np.asarray(free)
    try:
        placed = np.broadcast_to(mask.astype(bool), space.shape)
    except ValueError as error:
        raise ShapeError(
            f"a mask says what is free of a sample, {list(space.shape)}, or of its last axes; got {list(mask.shape)}. "
            "Make it as large as the items that the model draws."
        ) from error
    return encoder.encode([item])[0].masked_fill(torch.from_numpy(placed.copy()), torch.nan)


def written(known: Float[Tensor, "*shape"]) -> str:
    """Return a tensor as text, which runs record and `read` reads."""
    file = io.BytesIO()
    np.save(file, known.cpu().float().numpy(), allow_pickle=False)
    return base64.b64encode(zlib.compress(file.getvalue(), 9)).decode("ascii")


def read(text: str) -> Float[Tensor, "*shape"]:
    """Return the tensor that `written` wrote. Raises OptionError for another text."""
    try:
        data = zlib.decompress(base64.b64decode(text, validate=True))
        return torch.from_numpy(np.load(io.BytesIO(data), allow_pickle=False))
    except (binascii.Error, zlib.error, ValueError, EOFError) as error:
        raise OptionError(
            f"the part of a sample that is given is a text that Genwright wrote; got {text[:40]!r}: {error}. "
            "From Python, give generate an item and a mask: known=(item, free)."
        ) from error
