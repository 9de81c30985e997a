"""Files of many images in one array, compressed or not, read image by image."""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from PIL import Image

from genwright.errors import DataError
from genwright.tally import Tally
from genwright_images.image import LARGEST

__all__ = ["DAMAGES", "check_shape", "images", "opened", "split_name"]

DAMAGES = (EOFError, OSError, lzma.LZMAError, zlib.error)
"""What reading a damaged or unfinished compressed file raises."""

_OPENERS: dict[str, Callable[[Path], object]] = {
    "": lambda path: path.open("rb"),
    ".gz": gzip.open,
    ".xz": lzma.open,
}


def split_name(path: Path) -> tuple[str, str]:
    """Return a file's name without the ending of its compression, and that ending: ("a.npy", ".xz")."""
    ending = path.suffix.lower()
    return (path.stem, ending) if ending in _OPENERS and ending else (path.name, "")


def opened(path: Path) -> BinaryIO:
    """Return a file opened for reading, decompressed if its name ends in .gz or .xz. Raises DataError if it cannot."""
    try:
        return cast(BinaryIO, _OPENERS[split_name(path)[1]](path))
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}. Check the name and the permissions.") from error


def check_shape(shape: tuple[int, ...], path: Path) -> None:
    """Raise DataError unless an array of this shape holds images of no more than LARGEST pixels in grey or RGB."""
    if len(shape) == 3 and shape[2] == 3:
        raise DataError(
            f"{path} should hold images as an array [N, Y, X] or [N, Y, X, 1 or 3]; its shape is {list(shape)}, as of "
            "one image in colour. Save it as array[None]."
        )
    if not (len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3))) or not all(size > 0 for size in shape[1:]):
        raise DataError(
            f"{path} should hold images as an array [N, Y, X] or [N, Y, X, 1 or 3]; its shape is {list(shape)}. "
            "Bring the axes into this order, and save no transparency."
        )
    if shape[1] * shape[2] > LARGEST:
        raise DataError(
            f"{path} holds images of {shape[1] * shape[2]:,} pixels, over the limit of {LARGEST:,}. Make them smaller."
        )


def images(stream: BinaryIO, shape: tuple[int, ...], tally: Tally) -> Iterator[Image.Image]:
    """Yield the images of an open file of bytes, one at a time; where it breaks off, the tally refuses the rest."""
    inner = shape[1:3] if shape[-1] == 1 and len(shape) == 4 else shape[1:]
    size = int(np.prod(inner))
    for place in range(shape[0]):
        name, left = f"image {place:,} of {shape[0]:,}", shape[0] - place
        try:
            data = stream.read(size)
        except DAMAGES as error:
            tally.refuse(name, f"The file is damaged there: {error}.", count=left)
            return
        if len(data) < size:
            tally.refuse(name, "The file breaks off there.", count=left)
            return
        tally.read += 1
        yield Image.fromarray(np.frombuffer(data, np.uint8).reshape(inner))
    _check_end(stream, tally)


def _check_end(stream: BinaryIO, tally: Tally) -> None:
    """Refuse what follows the last image; reading on also compares a compressed file with its own checksum."""
    try:
        surplus = stream.read(1)
    except DAMAGES as error:
        tally.refuse("its end", f"The file is damaged, perhaps before: {error}.")
        return
    if surplus:
        tally.refuse("its end", "More follows than its header says.")
