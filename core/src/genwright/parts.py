"""What was computed of a reference, kept on disk."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np

from genwright.errors import DataError
from genwright.files import replaced
from genwright.folders import cache_folder

__all__ = ["Arrays", "Parts"]

Arrays = Mapping[str, Any]
"""Arrays of numbers by name, none of them of objects."""


@final
class Parts:
    """The parts of a reference, each some arrays that are computed once and read from disk after that.

    digest: of all that decides the parts
    folder: where those of all references are; None for the user's cache, under the domain's name
    """

    def __init__(self, *, domain: str, digest: str, folder: Path | None = None) -> None:
        self._folder = (cache_folder() / domain / "references" if folder is None else folder) / digest

    def get(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """Return a part as it was kept, or else as it is computed now, and then keep it.

        What cannot be read is computed again, and what cannot be kept is returned all the same, with a warning each.
        """
        path = self._folder / f"{name}.npz"
        kept = _load(path)
        if kept is not None:
            return kept
        arrays = compute()
        _save(path, arrays)
        return arrays


def _load(path: Path) -> Arrays | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        warnings.warn(f"a damaged file is computed again: {path}: {error}", RuntimeWarning, stacklevel=3)
        return None


def _save(path: Path, arrays: Arrays) -> None:
    """Write the file whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path, force=True) as unfinished, unfinished.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
    except (OSError, DataError) as error:
        warnings.warn(f"a part of a reference is not kept: {path}: {error}", RuntimeWarning, stacklevel=3)
