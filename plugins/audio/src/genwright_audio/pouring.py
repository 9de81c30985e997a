"""Writing sound while it is drawn: WAV that players can begin with at once, and FLAC."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np
import soundfile
from jaxtyping import Int16
from numpy import ndarray

from genwright.errors import DataError
from genwright_audio.clip import Clip, levels

__all__ = ["pour"]

_BYTES = 2
# What the two sizes of a WAV say until its end is known; players take it to mean: read on.
_UNKNOWN = 0xFFFFFFFF
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_BEFORE_DATA = _HEADER.size - 8


def pour(stages: Iterable[tuple[int, Clip]], file: BinaryIO, *, ending: str = "") -> None:
    """Write clips one after another to an open file of one sound, each while it grows.

    ending: ".wav", ".flac", or "" for WAV

    Where the file can be gone back in, the sizes in a WAV's header are put right in the end, unless they have no room
    there: of more than 4 GiB.

    Raises DataError for another ending.
    """
    if ending.lower() == ".flac":
        _pour_flac(stages, file)
    elif ending.lower() in ("", ".wav"):
        _pour_wav(stages, file)
    else:
        raise DataError(
            f"sounds are written while they are drawn to .wav, .flac or standard output; got {ending!r}. "
            "Choose one of these, or generate without --stream."
        )


def _pour_wav(stages: Iterable[tuple[int, Clip]], file: BinaryIO) -> None:
    first, rate, size = file.tell() if file.seekable() else None, 0, 0
    for rate, samples in _new(stages):
        if not size:
            file.write(_header(rate, None))
        file.write(samples.astype("<i2").tobytes())
        file.flush()
        size += _BYTES * len(samples)
    if size and first is not None and _BEFORE_DATA + size < _UNKNOWN:
        file.seek(first)
        file.write(_header(rate, size))
        file.seek(0, 2)


def _pour_flac(stages: Iterable[tuple[int, Clip]], file: BinaryIO) -> None:
    sound: soundfile.SoundFile | None = None
    try:
        for rate, samples in _new(stages):
            if sound is None:
                sound = soundfile.SoundFile(file, "w", rate, 1, "PCM_16", format="FLAC")
            sound.write(samples)
            sound.flush()
            file.flush()
    finally:
        if sound is not None:
            sound.close()


def _new(stages: Iterable[tuple[int, Clip]]) -> Iterator[tuple[int, Int16[ndarray, " L"]]]:
    """Yield the rate, and of each stage the samples that those before it lack."""
    last, heard = -1, 0
    for number, clip in stages:
        heard = heard if number == last else 0
        new = clip.wave[heard:]
        if len(new):
            yield clip.rate, levels(new).astype(np.int16)
        last, heard = number, max(heard, len(clip.wave))


def _header(rate: int, size: int | None) -> bytes:
    """Return the header of a WAV of 16 bits in one channel; None for a size that is not yet known."""
    whole = _UNKNOWN if size is None else _BEFORE_DATA + size
    data = _UNKNOWN if size is None else size
    return _HEADER.pack(
        b"RIFF", whole, b"WAVE", b"fmt ", 16, 1, 1, rate, _BYTES * rate, _BYTES, 8 * _BYTES, b"data", data
    )
