"""How much sound there is in an MP3 that does not say so, for which decoders guess."""

from __future__ import annotations

import os
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Self, final

__all__ = ["Frame", "counted"]

# Of layer III, in kbit/s, by whether it is MPEG 1; 0 stands for any.
_SPEEDS = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)
# How often MPEG 1, 2 and 2.5 halve them, by two bits.
_HALVED = {3: 0, 2: 1, 0: 2}
_LAYER_III = 1

# A first frame with one of these has no sound, and says how much there is in the others.
_SAID = (b"Xing", b"Info", b"VBRI")


@final
@dataclass(frozen=True, kw_only=True)
class Frame:
    """What the head of a frame says: its size in bytes, and its samples of each channel."""

    size: int
    samples: int

    @classmethod
    def read(cls, head: bytes) -> Self | None:
        """Return the frame of layer III that these four bytes begin, or None if they begin none."""
        if len(head) < 4 or head[0] != 0xFF or head[1] >> 5 != 7:
            return None
        version, layer, speed, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
        if version not in _HALVED or layer != _LAYER_III or not 0 < speed < 15 or rate == 3:
            return None
        samples = 1_152 if version == 3 else 576
        hertz = _RATES[rate] >> _HALVED[version]
        bytes_a_second = 125 * _SPEEDS[version == 3][speed]
        return cls(size=samples * bytes_a_second // hertz + (head[2] >> 1 & 1), samples=samples)


def counted(stream: BufferedIOBase) -> tuple[int, bool] | None:
    """Return the samples in an MP3's frames, and whether the last is whole; None where it says them itself, or no MP3.

    Source: ISO/IEC 11172-3, section 2.4, and 13818-3 for MPEG 2, as fields of bits.
    """
    end = stream.seek(0, os.SEEK_END)
    place = _begin(stream)
    first = _frame(stream, place)
    whole = b"" if first is None else stream.read(first.size)
    if first is None or any(said in whole for said in _SAID):
        return None
    samples = 0
    while (frame := _frame(stream, place)) is not None:
        samples, place = samples + frame.samples, place + frame.size
    return samples, place <= end


def _frame(stream: BufferedIOBase, place: int) -> Frame | None:
    stream.seek(place)
    return Frame.read(stream.read(4))


def _begin(stream: BufferedIOBase) -> int:
    """Return where the first frame is: behind a tag, whose length has seven bits in each of four bytes."""
    stream.seek(0)
    head = stream.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    has_foot = head[5] >> 4 & 1
    return 10 * (1 + has_foot) + sum(byte << 7 * (3 - place) for place, byte in enumerate(head[6:]))
