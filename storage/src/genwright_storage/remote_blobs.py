"""Bytes by digest where a URL says: in any file system that fsspec knows, such as an object store."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast, final

from genwright.errors import StoreError, UsageError
from genwright_storage.blobs import Blobs, Found, digest_of, read_whole, trouble_of

__all__ = ["RemoteBlobs", "blobs_at"]


def blobs_at(url: str | None, folder: Path) -> Blobs | RemoteBlobs:
    """Return the files at a URL of fsspec; those in a folder if the URL is None, a plain path or one of the machine.

    Raises UsageError for a URL that is none, StoreError where the package that speaks to it is missing.
    """
    if url is None:
        return Blobs(folder)
    if url.startswith("file://") or "://" not in url:
        return Blobs(Path(url.removeprefix("file://")).expanduser().absolute())
    return RemoteBlobs(url)


@final
class RemoteBlobs:
    """The files under a URL, each named by the SHA-256 of its bytes. A put is durable when the file system says so."""

    def __init__(self, url: str) -> None:
        import fsspec

        # What is configured in this process, or kept in its memory, is not there in another.
        self.elsewhere: str | None = None
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise StoreError(f"large payloads are kept at {url}; a package is missing: {error}. Install it.") from error
        except ValueError as error:
            known = "such as s3://bucket/folder or file:///folder"
            raise UsageError(f"large payloads are kept at a URL of fsspec, {known}; got {url!r}: {error}.") from error

    def put(self, blobs: Mapping[bytes, bytes]) -> None:
        """Write the bytes of each digest, also where they are there already, so that they count as new."""
        for digest, data in blobs.items():
            path = self._path(digest)
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(path, data)
            if self._files.size(path) != len(data):
                raise OSError(f"{path} was written, and has another size than the {len(data):,} bytes of it")

    def get(self, digest: bytes) -> bytes:
        """Return the bytes of a digest. Raises OSError if they are not there, or more than blobs.LARGEST."""
        with self.open(digest) as file:
            return read_whole(file)

    def open(self, digest: bytes) -> BinaryIO:
        """Return the file of a digest, open for reading. Raises OSError if it is not there."""
        return cast(BinaryIO, self._files.open(self._path(digest), "rb"))

    def has(self, digest: bytes) -> bool:
        """Whether the bytes of a digest are there."""
        self._files.invalidate_cache()
        return bool(self._files.exists(self._path(digest)))

    def erase(self, digest: bytes) -> None:
        """Remove the bytes of a digest; nothing if they are gone. Versions that the file system keeps stay."""
        name = digest.hex()
        self.remove(f"{name[:2]}/{name[2:]}")

    def trouble(self, digest: bytes) -> str | None:
        """Return what is wrong with the file of a digest, or None."""
        return trouble_of(self, digest)

    def size(self) -> int:
        """Return how many bytes the files hold."""
        return sum(found.size for found in self.found())

    def found(self) -> Iterator[Found]:
        """Yield all files."""
        self._files.invalidate_cache()
        files: Mapping[str, Mapping[str, Any]] = self._files.find(self._root, detail=True)
        for path, facts in files.items():
            name = path.removeprefix(self._root).lstrip("/")
            yield Found(name, digest_of(name), int(facts["size"] or 0), self._age(path))

    def age(self, name: str) -> float:
        """Return how old a file that `found` named is now, in seconds; 0 for one that is gone."""
        self._files.invalidate_cache()
        try:
            return self._age(f"{self._root}/{name}")
        except FileNotFoundError:
            return 0.0

    def remove(self, name: str) -> None:
        """Remove a file that `found` named; one that is gone is no error."""
        try:
            self._files.rm_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return

    def _path(self, digest: bytes) -> str:
        name = digest.hex()
        return f"{self._root}/{name[:2]}/{name[2:]}"

    def _age(self, path: str) -> float:
        """Return how old a file is, in seconds. Where that is not told, it is new, and is never collected."""
        try:
            return time.time() - float(self._files.modified(path).timestamp())
        except NotImplementedError:
            return 0.0
