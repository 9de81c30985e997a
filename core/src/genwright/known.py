"""A part of an item, around which samples are drawn."""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Shaped
from numpy import ndarray
from torch import Tensor

from genwright.encoder import Encoder
from genwright.encoders.learned import Learned
from genwright.errors import MismatchError, OptionError, ShapeError, shown
from genwright.items import encoded_item
from genwright.recipe import Component, use
from genwright.space import Continuous, SampleSpace, Tokens

__all__ = ["around", "is_free", "part", "read", "written"]

_TRUTHS = "a mask is an array of truth values, or of 0 and 1, that are true where a sample is to be drawn"
_MAKE = "Make one with a comparison, such as array == 255."


def around(encoder: Encoder[Any], item: Any, free: Any, *, sampler: Component) -> Component:
    """Return the sampler that draws as another does, around a part of an item. Raises as `part` does."""
    return use("inpaint", inner=sampler, known=written(part(encoder, item, free)))


def part(encoder: Encoder[Any], item: Any, free: Any) -> Shaped[Tensor, "*shape"]:
    """Return an encoded item with NaN where it is free, or -1 if it is encoded as tokens.

    free: what numpy makes an array of truth values of, or of 0 and 1: true where the item is to be drawn; of a sample's
          shape, or of that without its channels

    Raises MismatchError where a place of what is encoded is none of the item, ShapeError for a mask of another shape,
    OptionError for one of other values or with nothing free, and for what is no item; DataError for an item that cannot
    be encoded.
    """
    space = _placed(encoder)
    mask = torch.from_numpy(_mask(free, space))
    return encoded_item(encoder, item).masked_fill(mask, torch.nan if isinstance(space, Continuous) else -1)


def is_free(known: Shaped[Tensor, "*shape"]) -> Bool[Tensor, "*shape"]:
    """Return where a part that `part` made is free."""
    return known.isnan() if known.is_floating_point() else known < 0


def _placed(encoder: Encoder[Any]) -> SampleSpace:
    """Return the space of an encoder. Raises MismatchError where its places are not those of items."""
    if isinstance(encoder, Learned):
        raise MismatchError(
            "samples are drawn around a part of an item where models work on items themselves; this one works on "
            f"latents of {encoder.model!r}, each of which stands for more than one place. "
            "Choose a model whose encoder is neither latent nor codes."
        )
    if isinstance(encoder.space, Tokens) and encoder.space.stop is not None:
        raise MismatchError(
            "samples are drawn around a part of an item where all items have one length; those of this model end where "
            "they like, so that what is drawn would move what follows it. Ask for a start, if the domain has one: of "
            "molecules, where={'prefix': …}."
        )
    return encoder.space


def _mask(free: Any, space: SampleSpace) -> Bool[ndarray, "*shape"]:
    """Return a mask of a sample's shape."""
    mask, channels = _truths(free), _channels(space)
    shapes = [space.shape] if channels is None else [space.shape, tuple(np.delete(space.shape, channels).tolist())]
    if mask.shape not in shapes:
        raise ShapeError(
            f"a mask has the shape of a sample, {' or, for all channels alike, '.join(str(list(s)) for s in shapes)}; "
            f"got {list(mask.shape)}. Make it as large as the items that the model draws."
        )
    if not mask.any():
        raise OptionError("a mask is true where a sample is to be drawn; this one is true nowhere. Free a part of it.")
    if channels is not None and mask.shape != space.shape:
        mask = np.expand_dims(mask, channels)
    return np.broadcast_to(mask, space.shape).copy()


def _channels(space: SampleSpace) -> int | None:
    """Return the axis of the channels, which is the first among numbers and the third among tokens; None for none."""
    if isinstance(space, Continuous):
        return 0 if space.axes[0] == "C" else None
    return 2 if len(space.shape) == 3 else None


def _truths(free: Any) -> Bool[ndarray, "*shape"]:
    try:
        mask = np.asarray(free)
    except (ValueError, TypeError, RuntimeError) as error:
        raise OptionError(f"{_TRUTHS}; got {shown(free)}: {error} {_MAKE}") from error
    if mask.dtype != bool and (mask.dtype.kind not in "iu" or not np.isin(mask, (0, 1)).all()):
        raise OptionError(f"{_TRUTHS}; got {shown(free)}, of type {mask.dtype}. {_MAKE}")
    return mask.astype(bool)


def written(known: Shaped[Tensor, "*shape"]) -> str:
    """Return a part as text, which runs record and `read` reads."""
    file = io.BytesIO()
    np.save(file, (known.float() if known.is_floating_point() else known).cpu().numpy(), allow_pickle=False)
    return base64.b64encode(zlib.compress(file.getvalue(), 9)).decode("ascii")


def read(text: str) -> Shaped[Tensor, "*shape"]:
    """Return the part that `written` wrote. Raises OptionError for another text."""
    try:
        data = zlib.decompress(base64.b64decode(text, validate=True))
        return torch.from_numpy(np.load(io.BytesIO(data), allow_pickle=False))
    except (binascii.Error, zlib.error, ValueError, EOFError) as error:
        raise OptionError(
            f"the part of a sample that is given is a text that Genwright wrote; got {text[:40]!r}: {error}. "
            "From Python, give generate an item and a mask: known=(item, free)."
        ) from error
