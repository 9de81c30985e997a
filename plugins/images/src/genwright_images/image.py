"""Images in grey or RGB: what is wrong with one, what tells it apart, and what it says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image, ImageChops, ImageStat

from genwright.domain import Difference
from genwright.errors import DataError

__all__ = [
    "FACTS",
    "LARGEST",
    "MODES",
    "difference",
    "digest",
    "facts",
    "file_of",
    "flaw",
    "from_file",
    "pixels",
    "plain",
]

MODES = ("L", "RGB")

LARGEST = 1 << 26
"""The most pixels of an image that is read, 8,192 x 8,192; Pillow itself begins to warn above that."""

FACTS = ("class", "caption", "sample", "digest")
"""What an image says of itself in `info`, and its file in text chunks: two conditions, and where it came from."""

# The last bits of a network's output move a level across one rounding; through a palette or tokens they move it far.
_CLOSE = 1

# Of 70,000 images of Fashion-MNIST, as many of MNIST and 3,673 emoji, the plainest deviates by 9.8 levels.
_PLAINEST = 2.0


def flaw(image: Image.Image) -> str | None:
    """Return why an image is none that Genwright works with, in one sentence, or None if it is one."""
    if image.mode not in MODES:
        return f"It has the mode {image.mode}; wanted is {' or '.join(MODES)}."
    if not image.width or not image.height:
        return f"It is empty: {image.width} x {image.height} pixels."
    if image.width * image.height > LARGEST:
        return f"It has {image.width * image.height:,} pixels, over the limit of {LARGEST:,}."
    deviation = max(ImageStat.Stat(image).stddev)
    if deviation < _PLAINEST:
        return f"It is all one colour: its pixels deviate by {deviation:.1f} levels of 255."
    return None


def digest(image: Image.Image) -> str:
    """Return the SHA-256 of an image's mode, size and pixels, in hexadecimal."""
    found = hashlib.sha256(f"{image.mode} {image.width}x{image.height} ".encode())
    found.update(image.tobytes())
    return found.hexdigest()


def difference(ours: Image.Image, theirs: Image.Image) -> Difference | None:
    """Return how far the most different channel of a pixel is, the first of equals; None for other modes or sizes."""
    if (ours.mode, ours.size) != (theirs.mode, theirs.size):
        return None
    apart = np.asarray(ImageChops.difference(ours, theirs)).reshape(ours.height, ours.width, -1)
    y, x, channel = (int(place) for place in np.unravel_index(apart.argmax(), apart.shape))
    size = int(apart[y, x, channel])
    place = f"at pixel ({x}, {y})" + (f", {ours.getbands()[channel]}" if len(ours.getbands()) > 1 else "")
    return Difference(
        size=size, unit="levels of 255", where=place if size else _differing(ours, theirs), close=size <= _CLOSE
    )


def _differing(ours: Image.Image, theirs: Image.Image) -> str:
    """Return which facts of two images with the same pixels differ."""
    one, other = facts(ours.info), facts(theirs.info)
    names = [name for name in FACTS if one.get(name) != other.get(name)]
    return f"in what they say of their {' and '.join(names)}" if names else ""


def facts(info: Mapping[Any, Any]) -> dict[Any, str]:
    """Return what an image's `info` says that is kept, in the order of FACTS."""
    return {name: str(info[name]) for name in FACTS if isinstance(info.get(name), str)}


def from_file(image: Image.Image, name: str) -> Image.Image:
    """Return the image itself, which from now on knows its file as one that Pillow opened does; its copies do not."""
    image.filename = name  # type: ignore[attr-defined]
    return image


def file_of(image: Image.Image) -> str | None:
    """Return the name of the file that an image was read from, as text that can be printed, or None for none."""
    name = str(getattr(image, "filename", None) or "")
    # What is no UTF-8 in a name is a lone surrogate, which no stream takes.
    return name.encode("utf-8", "backslashreplace").decode() or None


def pixels(images: Sequence[Image.Image]) -> UInt8[ndarray, " B *shape"]:
    """Return the pixels of images of one size and mode. Raises DataError for different ones."""
    kinds = {(image.mode, image.size) for image in images}
    if len(kinds) > 1:
        found = ", ".join(f"{mode} of {width} x {height}" for mode, (width, height) in sorted(kinds)[:3])
        raise DataError(f"these images are to be of one mode and size; among them are {found}. Cut them alike.")
    return np.stack([np.asarray(image) for image in images])


def plain(image: Image.Image) -> Image.Image:
    """Return an image in grey or RGB with its facts: colours become RGB, and what is transparent is laid on white.

    Raises ValueError for one of more than 8 bits a channel.
    """
    if image.mode.startswith(("I", "F")):
        raise ValueError(f"mode {image.mode} has more than 8 bits a channel; convert it to 8 bits")
    kept = facts(image.info)
    grey = image.mode in ("1", "L", "LA") or (image.mode == "P" and _shows_grey(image))
    if image.has_transparency_data:
        image = _on_white(image)
    image = image.convert("L" if grey else "RGB")
    image.info = dict(kept)
    return image


def _shows_grey(image: Image.Image) -> bool:
    """Return whether an image with a palette, which is in colour or grey, is grey."""
    colours = np.asarray(image.convert("RGB"))
    return bool((colours == colours[..., :1]).all())


def _on_white(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
