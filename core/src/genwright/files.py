"""New files and folders, of which nothing is left when what was to be in them cannot be made."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from genwright.errors import DataError

__all__ = ["new_file", "new_folder"]


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
def new_folder(path: Path) -> Iterator[None]:
    """Make a folder that must not exist yet; nothing is left of it on failure. Raises DataError where it cannot be."""
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
    except (OSError, ValueError) as error:
        # A ValueError has no strerror; it comes of a NUL in the name.
        reason = getattr(error, "strerror", error)
        raise DataError(f"{path} cannot be written: {reason}. Check the folder and the permissions.") from error
