"""Single images in PNG, JPEG and WebP files."""

from __future__ import annotations

import re
import struct
import warnings
import zlib
from typing import IO

from PIL import Image, ImageOps, UnidentifiedImageError

from genwright.errors import DataError
from genwright_images.image import LARGEST, plain

__all__ = ["ENDINGS", "decoded"]

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")

_DAMAGES = (OSError, ValueError, SyntaxError, EOFError, IndexError, OverflowError, struct.error, zlib.error)


def decoded(stream: IO[bytes]) -> Image.Image:
    """Return the image in an open file, in grey or RGB, upright, with the facts in its text chunks.

    Raises DataError, in one sentence, for a file that is damaged or of another format, and for an image of more than
    LARGEST pixels, of which nothing but the header is read.
    """
    try:
        with warnings.catch_warnings():
            # What Pillow says of odd metadata tells our user nothing; of sizes it must not just warn.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _decoded(stream)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"It has{_count(error)} pixels, over the limit of {LARGEST:,}.") from error
    except UnidentifiedImageError as error:
        raise DataError("It is damaged, or no PNG, JPEG or WebP file.") from error
    except _DAMAGES as error:
        raise DataError(f"It cannot be decoded: {error}.") from error


def _count(error: Exception) -> str:
    """Return the number of pixels of which Pillow says that they are too many."""
    found = re.search(r"\((\d+) pixels\)", str(error))
    return f" {int(found[1]):,}" if found else " more"


def _decoded(stream: IO[bytes]) -> Image.Image:
    with Image.open(stream, formats=("PNG", "JPEG", "WEBP")) as image:
        if image.width * image.height > LARGEST:
            raise DataError(f"It has {image.width * image.height:,} pixels, over the limit of {LARGEST:,}.")
        ImageOps.exif_transpose(image, in_place=True)
        return plain(image)
