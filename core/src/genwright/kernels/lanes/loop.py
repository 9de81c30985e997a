"""Functions that numba compiles, and the files in which it keeps them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile

__all__ = ["compiled"]

_FILES = sorted(Path(__file__).parent.glob("*.py"))
_SOURCE = hashlib.sha256(b"".join(file.read_bytes() for file in _FILES)).hexdigest()[:16]


class _Cache(FunctionCache):
    """Files of what was compiled, whose names tell of which lanes they have copies."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        name, stamp = f"{self._impl.filename_base}-{_SOURCE}", self._impl.locator.get_source_stamp()
        self._cache_file = IndexDataCacheFile(cache_path=self._cache_path, filename_base=name, source_stamp=stamp)


def compiled(function: Callable[..., Any]) -> Any:
    """Return a function that is compiled when it is first called, and kept in a file if there is a place for one.

    What was kept is taken until the file of the function changes, or one of lanes; it calls functions of no others.
    """
    made = njit(boundscheck=False, error_model="numpy", nogil=True)(function)
    try:
        made._cache = _Cache(function)
    except RuntimeError:
        # There is no place for a file.
        return made
    return made
