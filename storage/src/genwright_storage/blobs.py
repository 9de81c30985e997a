"""Bytes by digest: payloads too large for a row, kept as files beside the database.

A file is written and made durable before the row that names it, so a row never names a file that is not there. What is
left behind when a writer dies between the two is a file that nothing names; it does no harm, and can be collected.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, final

from genwright.files import flush

__all__ = ["INLINE", "LARGEST", "Blobs", "Found", "digest_of", "read_whole", "trouble_of"]

# Up to here a row is written faster than a file is made durable, which takes 4 ms whatever its size (ext4, 2026-11).
INLINE = 64 * 1024
# Nothing beyond it is read, so that a file put in the place of another cannot fill the memory.
LARGEST = 1 << 30


class Found(NamedTuple):
    """A file: the digest that it is named by, None for what a writer left unfinished; its size, and age in seconds."""

    name: str
    digest: bytes | None
    size: int
    age: float


class Opens(Protocol):
    """What opens the file of a digest."""

    def open(self, digest: bytes) -> BinaryIO:
        """Return the file of a digest, open for reading. Raises OSError if it is not there."""


@final
class Blobs:
    """The files under a folder, each named by the SHA-256 of its bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.elsewhere: str | None = str(folder.absolute())

    def path(self, digest: bytes) -> Path:
        """Return where the bytes of this digest are."""
        name = digest.hex()
        return self.folder / name[:2] / name[2:]

    def put(self, blobs: Mapping[bytes, bytes]) -> None:
        """Write the bytes of each digest, durably; those that are there already count as new."""
        missing = {digest: data for digest, data in blobs.items() if not self._is_there(digest, len(data))}
        folders = {self.path(digest).parent for digest in missing}
        for folder in folders:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        paths = {self.path(digest): data for digest, data in missing.items()}
        parts = {path: path.with_name(f"{path.name}.{secrets.token_hex(8)}.part") for path in paths}
        try:
            for path, data in paths.items():
                _write(parts[path], data)
            # All are on their way to the disk before the first is waited for: four times as fast as one by one.
            for path, part in parts.items():
                flush(part)
                os.replace(part, path)
        except OSError:
            for part in parts.values():
                part.unlink(missing_ok=True)
            raise
        for folder in folders | {self.folder, self.folder.parent} if missing else ():
            flush(folder)

    def get(self, digest: bytes) -> bytes:
        """Return the bytes of a digest. Raises OSError if they are not there, or more than LARGEST."""
        with self.open(digest) as file:
            return read_whole(file)

    def open(self, digest: bytes) -> BinaryIO:
        """Return the file of a digest, open for reading. Raises OSError if it is not there."""
        return self.path(digest).open("rb")

    def has(self, digest: bytes) -> bool:
        """Whether the bytes of a digest are there."""
        return self.path(digest).is_file()

    def erase(self, digest: bytes) -> None:
        """Remove the bytes of a digest, durably, and what a killed writer left of them; nothing if they are gone."""
        path = self.path(digest)
        for file in (path, *path.parent.glob(f"{path.name}.*.part")):
            file.unlink(missing_ok=True)
        if path.parent.is_dir():
            flush(path.parent)

    def trouble(self, digest: bytes) -> str | None:
        """Return what is wrong with the file of a digest, or None."""
        return trouble_of(self, digest)

    def size(self) -> int:
        """Return how many bytes the files hold."""
        return sum(found.size for found in self.found())

    def found(self) -> Iterator[Found]:
        """Yield all files, also those that a writer left unfinished."""
        for path in self.folder.glob("*/*"):
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            name = str(path.relative_to(self.folder))
            yield Found(name, digest_of(name), status.st_size, time.time() - status.st_mtime)

    def age(self, name: str) -> float:
        """Return how old a file that `found` named is now, in seconds; 0 for one that is gone."""
        try:
            return time.time() - (self.folder / name).lstat().st_mtime
        except FileNotFoundError:
            return 0.0

    def remove(self, name: str) -> None:
        """Remove a file that `found` named; one that is gone is no error."""
        (self.folder / name).unlink(missing_ok=True)

    def _is_there(self, digest: bytes, size: int) -> bool:
        path = self.path(digest)
        try:
            if path.stat().st_size != size:
                return False
            # What is collected is old: the row that will name this file is not written yet.
            os.utime(path)
        except OSError:
            return False
        return True


def digest_of(name: str) -> bytes | None:
    """Return the digest that a file is named by, "ab/cdef…", or None for one that is named otherwise."""
    start, slash, rest = name.partition("/")
    try:
        return bytes.fromhex(start + rest) if slash and len(start + rest) == 64 else None
    except ValueError:
        return None


def read_whole(file: BinaryIO) -> bytes:
    """Return the bytes of a file. Raises OSError if it has more than LARGEST."""
    data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError(errno.EFBIG, f"it has more than {LARGEST:,} bytes")
    return data


def trouble_of(blobs: Opens, digest: bytes) -> str | None:
    """Return what is wrong with the file of a digest, or None. It is read piece by piece."""
    found = hashlib.sha256()
    try:
        with blobs.open(digest) as file:
            while piece := file.read(1 << 20):
                found.update(piece)
    except FileNotFoundError:
        return "its file is gone"
    except OSError as error:
        return f"its file cannot be read: {error.strerror or error}"
    return None if found.digest() == digest else "the bytes of its file are others"


def _write(path: Path, data: bytes) -> None:
    # A name that exists, or a link that was put there, is an error and is never followed.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(handle, "wb") as file:
        file.write(data)
