"""Bytes by digest: payloads too large for a row, kept as files beside the database.

A file is written and made durable before the row that names it, so a row never names a file that is not there. What is
left behind when a writer dies between the two is a file that nothing names, and does no harm.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import final

__all__ = ["INLINE", "Blobs"]

# Up to here a row is written faster than a file is made durable, which takes 4 ms whatever its size (ext4, 2026-11).
INLINE = 64 * 1024


@final
class Blobs:
    """The files under a folder, each named by the SHA-256 of its bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: bytes) -> Path:
        """Return where the bytes of this digest are."""
        name = digest.hex()
        return self.folder / name[:2] / name[2:]

    def put(self, blobs: Mapping[bytes, bytes]) -> None:
        """Write the bytes of each digest, durably, unless they are there already."""
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
                _flush(part)
                os.replace(part, path)
        except OSError:
            for part in parts.values():
                part.unlink(missing_ok=True)
            raise
        for folder in folders | {self.folder, self.folder.parent} if missing else ():
            _flush(folder)

    def get(self, digest: bytes) -> bytes:
        """Return the bytes of a digest. Raises OSError if they are not there."""
        return self.path(digest).read_bytes()

    def remove(self, digest: bytes) -> None:
        """Remove the bytes of a digest, durably, and what a killed writer left of them; nothing if they are gone."""
        path = self.path(digest)
        for part in (path, *path.parent.glob(f"{path.name}.*.part")):
            part.unlink(missing_ok=True)
        if path.parent.is_dir():
            _flush(path.parent)

    def trouble(self, digest: bytes) -> str | None:
        """Return what is wrong with the file of a digest, or None."""
        try:
            with open(self.path(digest), "rb") as file:
                found = hashlib.file_digest(file, "sha256").digest()
        except FileNotFoundError:
            return "its file is gone"
        except OSError as error:
            return f"its file cannot be read: {error.strerror}"
        return None if found == digest else "the bytes of its file are others"

    def size(self) -> int:
        """Return how many bytes the files hold."""
        return sum(path.stat().st_size for path in self._files())

    def _files(self) -> Iterable[Path]:
        return (path for path in self.folder.glob("*/*") if path.is_file())

    def _is_there(self, digest: bytes, size: int) -> bool:
        try:
            return self.path(digest).stat().st_size == size
        except OSError:
            return False


def _write(path: Path, data: bytes) -> None:
    # A name that exists, or a link that was put there, is an error and is never followed.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(handle, "wb") as file:
        file.write(data)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
