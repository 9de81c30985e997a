"""Writing images as PNG: one to a file, several to a folder or an archive."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from genwright.errors import DataError
from genwright_images.png import to_bytes

__all__ = ["new_file", "write"]


def write(items: Iterable[Image.Image], path: Path) -> None:
    """Write images as PNG files with their facts: to a .png, a .zip, or, without an ending, a folder that is new.

    Raises DataError for another ending, a path that exists, or any number but one for a .png; nothing is left.
    """
    ending = path.suffix.lower()
    if ending == ".png":
        with new_file(path) as stream:
            stream.write(to_bytes(_only(items, path)))
    elif ending == ".zip":
        with new_file(path) as stream, zipfile.ZipFile(stream, "w") as archive:
            for name, data in _files(items):
                # Without times, equal images make equal archives. PNG is compressed already.
                archive.writestr(zipfile.ZipInfo(name), data)
    elif not ending:
        with _new_folder(path):
            for name, data in _files(items):
                (path / name).write_bytes(data)
    else:
        raise DataError(
            f"images are written to a .png, a .zip or a folder, whose name has no ending; got {path.name!r}. "
            "Choose one of these."
        )


def _files(items: Iterable[Image.Image]) -> Iterator[tuple[str, bytes]]:
    return ((f"{place:06}.png", to_bytes(image)) for place, image in enumerate(items))


def _only(items: Iterable[Image.Image], path: Path) -> Image.Image:
    found = list(islice(items, 2))
    if len(found) != 1:
        raise DataError(
            f"a .png file holds one image; got {'several' if found else 'none'} for {path.name!r}. "
            "Name a folder or a .zip for several."
        )
    return found[0]


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that must not exist yet; nothing is left of it on failure. Raises DataError if it cannot be made."""
    with _making(path):
        stream = path.open("xb")
    try:
        with stream:
            yield stream
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


@contextmanager
def _new_folder(path: Path) -> Iterator[None]:
    with _making(path):
        path.mkdir()
    try:
        yield
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


@contextmanager
def _making(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise DataError(f"{path} exists already, and nothing is overwritten. Choose another name.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}. Check the folder and the permissions.") from error
