"""Writing images as PNG: one to a file, several to a folder or an archive."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from genwright.errors import DataError
from genwright.files import new_file, only, write_files
from genwright_images.png import to_bytes

__all__ = ["write"]


def write(items: Iterable[Image.Image], path: Path) -> None:
    """Write images as PNG files with their facts: to a .png, a .zip, or, without an ending, a folder that is new.

    Raises DataError for another ending, a path that exists, or any number but one for a .png; nothing is left.
    """
    ending = path.suffix.lower()
    if ending == ".png":
        with new_file(path) as stream:
            stream.write(to_bytes(only(items, path, of="image")))
    elif ending in ("", ".zip"):
        write_files(((f"{place:06}.png", to_bytes(image)) for place, image in enumerate(items)), path)
    else:
        raise DataError(
            f"images are written to a .png, a .zip or a folder, whose name has no ending; got {path.name!r}. "
            "Choose one of these."
        )
