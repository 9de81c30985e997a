"""NumPy's files of many images, with what a captions.csv beside says of each."""

from __future__ import annotations

import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from genwright.errors import DataError
from genwright.tally import Tally
from genwright_images import captions
from genwright_images.streams import DAMAGES, check_shape, images, opened, split_name

__all__ = ["is_npy", "read"]


def is_npy(path: Path) -> bool:
    """Say whether a file's name is one of NumPy files, compressed or not."""
    return split_name(path)[0].lower().endswith(".npy")


def read(path: Path, tally: Tally) -> Iterator[Image.Image]:
    """Yield the images of a NumPy file of bytes, one at a time; row i of captions.csv is about image i."""
    table = path.with_name(captions.NAME)
    rows = captions.read(table.read_bytes(), table) if table.is_file() else None
    with opened(path) as stream:
        shape = _shape(stream, path)
        check_shape(shape, path)
        if rows is not None and len(rows) != shape[0]:
            raise DataError(f"{path} holds {shape[0]:,} images; {table} has {len(rows):,} rows. Give it one an image.")
        for place, image in enumerate(images(stream, shape, tally)):
            if rows is not None:
                image.info.update(captions.said(rows[place]))
            yield image


def _shape(stream: BinaryIO, path: Path) -> tuple[int, ...]:
    try:
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, by_column, kind = read_header(stream)
    except (ValueError, SyntaxError, tokenize.TokenError, *DAMAGES) as error:
        raise DataError(f"{path} should begin with the header of a NumPy file; it does not: {error}.") from error
    if kind != np.uint8:
        raise DataError(f"{path} should hold bytes, levels 0 to 255; it holds {kind}. Save array.astype('uint8').")
    if by_column and len(shape) > 1:
        raise DataError(f"{path} should be in C order; it is in Fortran's. Save np.ascontiguousarray(array).")
    return tuple(int(length) for length in shape)
