"""Files and folders that are on the disk when a function returns."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["flush", "make_private"]


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_private(folder: Path) -> None:
    """Make a folder and those it lies in, for the owner alone; leave those that exist as they are."""
    if not folder.exists():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        # Else a power cut could take the folder, with all that was acknowledged in it.
        flush(folder.parent)
