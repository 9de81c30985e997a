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
    {b"RIFF": ("little", b"data"), b"FORM": ("big", b"SSND")}
)
# Programs that write to a pipe put sizes there that mean "until the end".
_UNKNOWN = 0x7FFF_0000
# The largest page of Ogg: a head of 27 bytes, 255 lengths, and as much as they say.
_PAGE = 27 + 255 + 255 * 255
_LAST = 4


def breaks_off(stream: BufferedIOBase) -> bool:
    """Say whether a WAV, AIFF or Ogg file ends before its samples do; False for other kinds.

    Source: RFC 3533, section 6, for Ogg.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    kind = stream.read(4)
    if kind in _CHUNKED:
        return size < _end(stream, *_CHUNKED[kind])
    if kind == b"OggS":
        stream.seek(max(0, size - _PAGE))
        return not _is_over(stream.read())
    return False


def _end(stream: BufferedIOBase, order: Literal["little", "big"], wanted: bytes) -> int:
    """Return where the samples of a file end by what it says, or 0 where it says nothing."""
    stream.seek(12)
    while len(head := stream.read(8)) == 8:
        size = int.from_bytes(head[4:], order)
        if head[:4] == wanted:
            return stream.tell() + size if size < _UNKNOWN else 0
        stream.seek(size + size % 2, os.SEEK_CUR)
    return 0


def _is_over(tail: bytes) -> bool:
    """Say whether the last page in the end of an Ogg file is whole, and the last of its stream."""
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) < 27 or not page[5] & _LAST:
        return False
    return len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])
