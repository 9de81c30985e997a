"""Whether a sound file is whole, which decoders do not say: of one that breaks off they give what is there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import BufferedIOBase
from types import MappingProxyType
from typing import Literal

__all__ = ["breaks_off"]

# Of WAV and AIFF, by how a file begins: in which order the bytes of a size are, and which chunk has the samples.
_CHUNKED: Mapping[bytes, tuple[Literal["little", "big"], bytes]] = MappingProxyType(
    {b"RIFF": ("little", b"data"), b"RF64": ("little", b"data"), b"FORM": ("big", b"SSND")}
)
# Programs that write to a pipe put sizes there that mean "until the end".
_UNKNOWN = 0x7FFF_0000
# Where chunks of W64 begin, and how that with the samples does.
_W64_CHUNKS = 40
_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_OGG_LAST = 4


def breaks_off(stream: BufferedIOBase) -> bool:
    """Say whether a WAV (RF64 and W64 too), AIFF or Ogg file ends before its samples do; False for other kinds.

    Sources: EBU Tech 3306 for RF64, RFC 3533, section 6, for Ogg.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    kind = stream.read(4)
    if kind in _CHUNKED:
        return size < _end(stream, *_CHUNKED[kind])
    if kind == b"riff":
        return size < _end_of_w64(stream, size)
    return kind == b"OggS" and not _has_end(stream, size)


def _end(stream: BufferedIOBase, order: Literal["little", "big"], wanted: bytes) -> int:
    """Return where the samples of a file end by what it says, or 0 where it says nothing."""
    stream.seek(12)
    large = 0
    while len(head := stream.read(8)) == 8:
        size = int.from_bytes(head[4:], order)
        if head[:4] == wanted:
            said = size if size < _UNKNOWN else large
            return stream.tell() + said if said else 0
        start = stream.tell()
        if head[:4] == b"ds64":
            # What does not fit into the 32 bits of a size: of the file, and of its samples.
            large = int.from_bytes(stream.read(16)[8:], order)
        stream.seek(start + size + size % 2)
    return 0


def _end_of_w64(stream: BufferedIOBase, whole: int) -> int:
    """Return where the samples of a W64 end, or 0: its sizes have 64 bits, and count the heads too."""
    place = _W64_CHUNKS
    while place < whole:
        stream.seek(place)
        head = stream.read(24)
        size = int.from_bytes(head[16:], "little")
        if head[:16] == _W64_DATA or size < 24:
            return place + size if len(head) == 24 else 0
        place += size + -size % 8
    return 0


def _has_end(stream: BufferedIOBase, size: int) -> bool:
    """Say whether the last page of an Ogg file is whole, and the last of its stream; what follows it does not count."""
    place, is_last = 0, False
    while stream.seek(place) < size and (head := stream.read(27))[:4] == b"OggS" and len(head) == 27:
        place += 27 + head[26] + sum(stream.read(head[26]))
        is_last = bool(head[5] & _OGG_LAST)
    return is_last and place <= size
