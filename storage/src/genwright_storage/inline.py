"""Payloads in their rows, whatever their size: for a database on another machine, beside which there is no folder."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol, final

from genwright_storage.blobs import INLINE, LARGEST, Found
from genwright_storage.remote_blobs import blobs_at

__all__ = ["InRows", "Payloads", "payloads_at"]


class Payloads(Protocol):
    """Where payloads are that do not lie in their rows.

    elsewhere: the URL by which `payloads_at` finds them in another process, wherever that runs; None if it does not
    """

    elsewhere: str | None

    def put(self, blobs: Mapping[bytes, bytes]) -> None:
        """Write the bytes of each digest, durably."""

    def get(self, digest: bytes) -> bytes:
        """Return the bytes of a digest. Raises OSError if they are not there."""

    def has(self, digest: bytes) -> bool:
        """Whether the bytes of a digest are there."""

    def erase(self, digest: bytes) -> None:
        """Remove the bytes of a digest; nothing if they are gone."""

    def open(self, digest: bytes) -> BinaryIO:
        """Return the file of a digest, open for reading. Raises OSError if it is not there."""

    def trouble(self, digest: bytes) -> str | None:
        """Return what is wrong with the file of a digest, or None."""

    def size(self) -> int:
        """Return how many bytes the files hold."""

    def found(self) -> Iterator[Found]:
        """Yield all files."""

    def age(self, name: str) -> float:
        """Return how old a file that `found` named is now, in seconds; 0 for one that is gone."""

    def remove(self, name: str) -> None:
        """Remove a file that `found` named."""


def payloads_at(url: str | None, folder: Path | None) -> tuple[Payloads, int]:
    """Return where large payloads are, and up to what size they lie in their rows.

    url:    what was asked for
    folder: what is taken if nothing was; None where all lie in their rows then
    """
    if url is None and folder is None:
        return InRows(), LARGEST
    return blobs_at(url, folder or Path()), INLINE


@final
class InRows:
    """No files. Those of a row that names one lie where another process was told to put them."""

    elsewhere: str | None = None

    def put(self, blobs: Mapping[bytes, bytes]) -> None:
        """Raise OSError if there are any: they are larger than what a row holds."""
        if blobs:
            raise OSError(errno.EFBIG, f"a payload has more than {LARGEST:,} bytes")

    def get(self, digest: bytes) -> bytes:
        """Raise OSError."""
        with self.open(digest) as file:
            return file.read()

    def has(self, digest: bytes) -> bool:
        """Return False."""
        return False

    def erase(self, digest: bytes) -> None:
        """Raise OSError: where the file lies, only another process was told."""
        raise OSError(errno.ENOENT, f"{self.trouble(digest)}: {digest.hex()}")

    def open(self, digest: bytes) -> BinaryIO:
        """Raise OSError."""
        raise OSError(errno.ENOENT, f"{self.trouble(digest)}: {digest.hex()}")

    def trouble(self, digest: bytes) -> str | None:
        """Return that the file is elsewhere."""
        return "it lies in a file; say where with ?blobs= in the URL of the store, or GENWRIGHT_BLOBS"

    def size(self) -> int:
        """Return 0."""
        return 0

    def found(self) -> Iterator[Found]:
        """Yield nothing."""
        return iter(())

    def age(self, name: str) -> float:
        """Return 0."""
        return 0.0

    def remove(self, name: str) -> None:
        """Raise OSError."""
        raise OSError(errno.ENOENT, name)
