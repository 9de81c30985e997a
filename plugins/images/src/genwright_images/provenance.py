"""Where an image came from, carried by the image itself: the id of its sample, and a digest of its pixels."""

from __future__ import annotations

from typing import Any

from PIL import Image

from genwright_images.image import digest

__all__ = ["is_intact", "signed", "unsigned"]


def signed(image: Image.Image, *, sample: str) -> Image.Image:
    """Return a copy of an image that names its sample and the SHA-256 of its pixels; PNG files keep both.

    sample: the id that `genwright samples show` takes: "5f1c…/17"
    """
    copy = image.copy()
    copy.info = {**image.info, "sample": sample, "digest": digest(image)}
    return copy


def unsigned(image: Image.Image) -> dict[Any, Any]:
    """Return what an image says of itself but for the digest, for one that is made of it with other pixels."""
    return {fact: text for fact, text in image.info.items() if fact != "digest"}


def is_intact(image: Image.Image) -> bool | None:
    """Say whether an image's pixels are still those that were signed; None if it never was."""
    known = image.info.get("digest")
    return None if known is None else known == digest(image)
