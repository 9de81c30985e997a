"""Whether a sound file is whole, which decoders do not say: of one that breaks off they give what is there."""

from __future__ import annotations

import os
import zlib
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
# Of a page of Ogg: the bytes of its head before the sizes of its parts, and the flag of the last one.
_HEAD, _LAST = 27, 4
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def breaks_off(stream: BufferedIOBase) -> bool:
    """Say whether a WAV (RF64 and W64 too) or AIFF file ends before its samples do, or an Ogg file is not whole.

    False for other kinds. All pages of an Ogg file are looked at: of Opus with a damaged one, or with something else
    behind the last, libsndfile 1.2.2 reads memory that it gave back, which ends the process now and then.

    Sources: EBU Tech 3306 for RF64, RFC 3533, section 6, for Ogg.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    kind = stream.read(4)
    if kind in _CHUNKED:
        return size < _end(stream, *_CHUNKED[kind])
    if kind == b"riff":
        return size < _end_of_w64(stream, size)
    if kind == b"OggS":
        stream.seek(0)
        return not _is_whole(stream)
    return False


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


def _is_whole(stream: BufferedIOBase) -> bool:
    """Say whether an Ogg file is pages and nothing else, each as its checksum says, up to one that is the last."""
    last = 0
    while head := stream.read(_HEAD):
        sizes = stream.read(head[-1]) if len(head) == _HEAD else b""
        body = stream.read(sum(sizes))
        said, summed = int.from_bytes(head[22:26], "little"), head[:22] + bytes(4) + head[26:] + sizes + body
        if head[:4] != b"OggS" or len(summed) != _HEAD + head[-1] + sum(sizes) or said != _checksum(summed):
            return False
        last = head[5] & _LAST
    return bool(last)


def _checksum(page: bytes) -> int:
    """Return the checksum of a page: that of zlib with the bits of all bytes the other way round, begun with 0."""
    found = zlib.crc32(page.translate(_REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{found:032b}"[::-1], 2)
