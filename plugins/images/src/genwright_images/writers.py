"""Writing images as PNG: one to a file, several to a folder or an archive."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from PIL import Image

from genwright.errors import DataError
from genwright.files import new_file, new_folder
from genwright_images.png import to_bytes

__all__ = ["write"]


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
        with new_folder(path):
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
