"""Whether a sound file is whole, which decoders do not say: of one that breaks off they give what is there."""

from __future__ import annotations

import os
from io import BufferedIOBase
from typing import Literal

__all__ = ["breaks_off"]

# Programs that write to a pipe put sizes there that mean "until the end".
_UNKNOWN = 0x7FFF_0000
# The largest page of Ogg: a head of 27 bytes, 255 lengths, and as much as they say.
_PAGE = 27 + 255 + 255 * 255
_LAST = 4


def breaks_off(stream: BufferedIOBase) -> bool:
    """Say whether a WAV, AIFF or Ogg file ends before its container does; False for other kinds.

    Source: RFC 3533, section 6, for Ogg; the first chunk of the others has the size of the rest.
    """
    stream.seek(0)
    head = stream.read(8)
    size = stream.seek(0, os.SEEK_END)
    if head.startswith((b"RIFF", b"FORM")):
        order: Literal["little", "big"] = "little" if head.startswith(b"RIFF") else "big"
        said = int.from_bytes(head[4:], order)
        # Not every program writes the byte that makes the last chunk even.
        return size < said + 8 - 1 and said < _UNKNOWN
    if head.startswith(b"OggS"):
        stream.seek(max(0, size - _PAGE))
        return not _ends(stream.read())
    return False


def _ends(tail: bytes) -> bool:
    """Say whether the last page in the end of an Ogg file is whole, and the last of its stream."""
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) < 27 or not page[5] & _LAST:
        return False
    return len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])
