"""The IDX files in which MNIST and its kin come: images in one, their labels in another beside it.

Source of the format: LeCun, Cortes and Burges, "The MNIST database", 1998.
"""

from __future__ import annotations

import hashlib
import struct
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from PIL import Image

from genwright.errors import DataError
from genwright.tally import Tally, Unreadable
from genwright_images.streams import DAMAGES, check_shape, images, opened, split_name

__all__ = ["is_idx", "read"]

_BYTES = b"\0\0\x08"
_ENDINGS = ("", ".gz", ".xz")
_FASHION = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)

# Labels are numbers; what they mean is known by the SHA-256 of all of them, since file names are the same in every set.
_NAMES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7": _FASHION,
        "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9": _FASHION,
    }
)


def is_idx(path: Path) -> bool:
    """Say whether a file's name is one of IDX files, compressed or not."""
    return split_name(path)[0].lower().endswith((".idx", "-ubyte", ".ubyte"))


def read(path: Path, tally: Tally) -> Iterator[Image.Image]:
    """Yield the images of an IDX file; their class is from the file of labels beside it, if there is one."""
    labels = _labels(path)
    with opened(path) as stream:
        shape = _shape(stream, path)
        check_shape(shape, path)
        if labels is not None and len(labels) != shape[0]:
            raise DataError(
                f"{path} holds {shape[0]:,} images; beside it are {len(labels):,} labels. Fetch both again."
            )
        for place, image in enumerate(images(stream, shape, tally)):
            if labels is not None:
                image.info["class"] = labels[place]
            yield image


def _shape(stream: BinaryIO, path: Path) -> tuple[int, ...]:
    try:
        start = stream.read(4)
        if len(start) == 4 and start[:3] != _BYTES:
            raise DataError(
                f"{path} should be an IDX file of bytes, which begins 00 00 08; it begins {start[:3].hex(' ')}."
            )
        shape: tuple[int, ...] = struct.unpack(f">{start[3]}I", stream.read(4 * start[3]))
    except (IndexError, struct.error, *DAMAGES) as error:
        raise DataError(f"{path} should begin with the header of an IDX file; it breaks off there: {error}.") from error
    return shape


def _labels(path: Path) -> list[str] | None:
    beside = _beside(path)
    if beside is None:
        return None
    with opened(beside) as stream:
        shape = _shape(stream, beside)
        try:
            numbers = stream.read()
        except DAMAGES as error:
            raise DataError(f"{beside} is damaged: {error}. Fetch it again.") from error
    if len(shape) != 1 or len(numbers) != shape[0]:
        raise DataError(f"{beside} should hold {list(shape)} labels; it holds {len(numbers):,} bytes. Fetch it again.")
    names = _NAMES.get(hashlib.sha256(numbers).hexdigest())
    return [str(number) if names is None else names[number] for number in numbers]


def _beside(path: Path) -> Path | None:
    """Return the file of labels beside one of images, by its usual name, or None; a warning says that it is missing."""
    stem = split_name(path)[0]
    wanted = stem.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1")
    if wanted == stem:
        return None
    for ending in _ENDINGS:
        if (beside := path.with_name(f"{wanted}{ending}")).is_file():
            return beside
    warnings.warn(
        f"{path}: its images have no class, since no {wanted} lies beside it, as such or with .gz or .xz.",
        Unreadable,
        stacklevel=2,
    )
    return None
