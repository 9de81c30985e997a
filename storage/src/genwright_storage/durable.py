"""Files and folders for the owner alone, which are on the disk when a function returns."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from genwright.files import flush

__all__ = ["make_private", "make_private_file"]


def make_private(folder: Path) -> None:
    """Make a folder and those it lies in, for the owner alone; leave those that exist as they are."""
    if not folder.exists():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        # Else a power cut could take the folder, with all that was acknowledged in it.
        flush(folder.parent)


def make_private_file(file: Path) -> None:
    """Make an empty file for the owner alone, for SQLite to fill, which would let others read it; leave one that is."""
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
