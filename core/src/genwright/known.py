"""A part of an item, around which samples are drawn."""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from genwright.encoder import Encoder
from genwright.errors import MismatchError, OptionError, ShapeError, shown
from genwright.recipe import Component, use
from genwright.space import Continuous

__all__ = ["around", "part", "read", "written"]

_TRUTHS = "a mask is an array of truth values, or of 0 and 1, that are true where a sample is to be drawn"
_MAKE = "Make one with a comparison, such as array == 255."


def around(encoder: Encoder[Any], item: Any, free: Any, *, sampler: Component) -> Component:
    """Return the sampler that draws as another does, around a part of an item. Raises as `part` does."""
    return use("inpaint", inner=sampler, known=written(part(encoder, item, free)))


def part(encoder: Encoder[Any], item: Any, free: Any) -> Float[Tensor, "*shape"]:
    """Return an encoded item with NaN where it is free.

    free: what numpy makes an array of truth values of, or of 0 and 1: true where the item is to be drawn; of a sample's
          shape, or of that without its channels

    Raises MismatchError where items are encoded as tokens, ShapeError for a mask of another shape, OptionError for one
    of other values or with nothing free, and for what is no item; DataError for an item that cannot be encoded.
    """
    space = encoder.space
    if not isinstance(space, Continuous):
        raise MismatchError(
            "samples are drawn around a part of an item where items are encoded as numbers; this model's are "
            f"{space.kind}. Ask for a start, if the domain has one, or choose a diffusion or flow model."
        )
    placed = np.broadcast_to(_mask(free, space), space.shape)
    return _encoded(encoder, item).masked_fill(torch.from_numpy(placed.copy()), torch.nan)


def _encoded(encoder: Encoder[Any], item: Any) -> Float[Tensor, "*shape"]:
    try:
        return encoder.encode([item])[0]
    except (AttributeError, TypeError, ValueError) as error:
        # Encoders say what is wrong with an item; of what is none, Python does.
        raise OptionError(
            f"samples are drawn around an item of the model's domain, as reading its files gives them; got "
            f"{shown(item)}, of type {type(item).__name__}. Read the item first."
        ) from error


def _mask(free: Any, space: Continuous) -> Bool[ndarray, "*shape"]:
    mask = _truths(free)
    shapes = [space.shape, space.shape[1:]] if space.axes[0] == "C" else [space.shape]
    if mask.shape not in shapes:
        raise ShapeError(
            f"a mask has the shape of a sample, {' or, for all channels alike, '.join(str(list(s)) for s in shapes)}; "
            f"got {list(mask.shape)}. Make it as large as the items that the model draws."
        )
    if not mask.any():
        raise OptionError("a mask is true where a sample is to be drawn; this one is true nowhere. Free a part of it.")
    return mask


def _truths(free: Any) -> Bool[ndarray, "*shape"]:
    try:
        mask = np.asarray(free)
    except (ValueError, TypeError, RuntimeError) as error:
        raise OptionError(f"{_TRUTHS}; got {shown(free)}: {error} {_MAKE}") from error
    if mask.dtype != bool and (mask.dtype.kind not in "iu" or not np.isin(mask, (0, 1)).all()):
        raise OptionError(f"{_TRUTHS}; got {shown(free)}, of type {mask.dtype}. {_MAKE}")
    return mask.astype(bool)


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
