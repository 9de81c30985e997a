"""The beginning of a file as if it were whole, so that its header can be looked at."""

from __future__ import annotations

import io
import os
from typing import Any, final

__all__ = ["Beginning"]


@final
class Beginning(io.RawIOBase):
    """A file of `size` bytes, of which the first are known and the others read as zeros."""

    def __init__(self, known: bytes, size: int) -> None:
        self._known, self._size, self._place = known, size, 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place, counted as in other files."""
        self._place = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence])
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer with what is there, and return how much that is."""
        view = memoryview(buffer).cast("B")
        count = min(len(view), max(0, self._size - self._place))
        found = self._known[self._place : self._place + count]
        view[: len(found)] = found
        view[len(found) : count] = bytes(count - len(found))
        self._place += count
        return count
