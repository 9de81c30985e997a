"""Lines of files from elsewhere, read in bounded memory whatever the files hold."""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from genwright.errors import DataError

__all__ = ["read_lines"]

# What the decoder of .xz may take; files made at its highest level need 65 MiB.
_DECODER = 128 << 20


def read_lines(path: Path, longest: int) -> Iterator[bytes]:
    """Yield the lines of a file, which may be compressed with gzip or xz as its name says.

    longest: of a longer line its first longest + 1 bytes come, and nothing after it

    Raises DataError if it cannot be read, or is damaged or cut off.
    """
    try:
        with path.open("rb") as raw, _expanded(raw, path.suffix.lower()) as stream:
            while line := stream.readline(longest + 1):
                yield line
                if len(line) > longest:
                    return
    except (OSError, ValueError, EOFError, lzma.LZMAError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read: {reason}. Check it, or make or copy it again.") from error


def _expanded(raw: BinaryIO, compression: str) -> IO[bytes]:
    if compression == ".gz":
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw, mode="rb"))
    return cast(IO[bytes], io.BufferedReader(_Expanded(raw))) if compression == ".xz" else raw


class _Expanded(io.RawIOBase):
    """What an .xz file holds. `lzma.LZMAFile` would take as much memory as the file asks for."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw, self._rest = raw, b""
        self._decoder: lzma.LZMADecompressor | None = None

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes into a buffer and return how many; none at the end."""
        data = b""
        while not data:
            if self._decoder is None or self._decoder.eof:
                self._rest = (self._decoder.unused_data if self._decoder else b"") or self._raw.read(1 << 16)
                if not self._rest:
                    return 0
                self._decoder = lzma.LZMADecompressor(memlimit=_DECODER)
            elif self._decoder.needs_input:
                self._rest = self._raw.read(1 << 16)
                if not self._rest:
                    raise EOFError("it breaks off")
            data = self._decoder.decompress(self._rest, max_length=len(buffer))
            self._rest = b""
        buffer[: len(data)] = data
        return len(data)
