"""Images as PNG bytes: lossless, the same each time, with what they say of themselves in text chunks."""

from __future__ import annotations

import io

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from genwright_images.image import facts

__all__ = ["from_bytes", "to_bytes"]

# Part of what equal images' equal bytes rest on, so it is not left to Pillow's default.
_EFFORT = 6


def to_bytes(image: Image.Image) -> bytes:
    """Return an image as a PNG file, its facts in text chunks and nothing else beside its pixels."""
    chunks = PngInfo()
    for name, text in facts(image.info).items():
        chunks.add_text(name, text)
    stream = io.BytesIO()
    image.save(stream, "PNG", pnginfo=chunks, compress_level=_EFFORT, icc_profile=None, transparency=None)
    return stream.getvalue()


def from_bytes(data: bytes) -> Image.Image:
    """Return the image that `to_bytes` wrote, with its facts."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        image.load()
        kept = image.copy()
    kept.info = facts(image.info)
    return kept
