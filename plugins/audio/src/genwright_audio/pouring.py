"""Writing sound while it is drawn: WAV that players can begin with at once, and FLAC."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO, final

import numpy as np
import soundfile
from jaxtyping import Int16
from numpy import ndarray

from genwright.errors import DataError
from genwright_audio.clip import Clip, levels
from genwright_audio.files import LONGEST_COMMENT, comment
from genwright_audio.provenance import signed

__all__ = ["pour"]

_BYTES = 2
# What the two sizes of a WAV say until its end is known; players take it to mean: read on.
_UNKNOWN = 0xFFFFFFFF
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_BEFORE_DATA = _HEADER.size - 8
_LIST = struct.Struct("<4sI4s4sI")


def pour(stages: Iterable[tuple[int, Clip]], file: BinaryIO, *, ending: str = "") -> None:
    """Write clips one after another to an open file of one sound, each while it grows.

    ending: ".wav", ".flac", or "" for WAV

    Where the file can be gone back in, it says in the end, in a comment, what its clip does, and a digest of it; of
    several, what they have in common, their run, and where each ends, if there is room for that: of some 250. The sizes
    in a WAV's header are put right then too, unless they have no room there: of more than 4 GiB.

    Raises DataError for another ending.
    """
    if ending.lower() == ".flac":
        _pour_flac(_Poured(stages), file)
    elif ending.lower() in ("", ".wav"):
        _pour_wav(_Poured(stages), file)
    else:
        raise DataError(
            f"sounds are written while they are drawn to .wav, .flac or standard output; got {ending!r}. "
            "Choose one of these, or generate without --stream."
        )


@final
class _Poured:
    """What was poured of some clips: at which rate, how many samples, and where those ended that are whole."""

    def __init__(self, stages: Iterable[tuple[int, Clip]]) -> None:
        self._stages = stages
        self._clip: Clip | None = None
        self._clips = 0
        self._ends: list[int] = []
        self.rate, self.size = 0, 0

    def new(self) -> Iterator[Int16[ndarray, " L"]]:
        """Yield of each stage the samples that those before it lack."""
        last, heard = -1, 0
        for number, clip in self._stages:
            if number != last:
                self._end()
                self._clips, heard = self._clips + 1, 0
            new, self._clip, self.rate = clip.wave[heard:], clip, clip.rate
            if len(new):
                self.size += len(new)
                yield levels(new).astype(np.int16)
            last, heard = number, max(heard, len(clip.wave))
        self._end()

    def _end(self) -> None:
        if self._clips:
            self._ends.append(self.size)

    def comment(self) -> str:
        """Return what a file of this says of itself."""
        return comment(self._facts(), room=LONGEST_COMMENT)

    def _facts(self) -> dict[str, str]:
        assert self._clip is not None
        said = dict(self._clip.facts)
        if self._clips > 1:
            run = said.pop("sample", "").rpartition("/")[0]
            return {**said, "run": run, "ends": " ".join(map(str, self._ends))}
        if self._ends and "sample" in said:
            return dict(signed(self._clip, sample=said["sample"]).facts)
        return said


def _pour_wav(poured: _Poured, file: BinaryIO) -> None:
    first = file.tell() if file.seekable() else None
    has_begun = False
    try:
        for samples in poured.new():
            if not has_begun:
                file.write(_header(poured.rate, None))
                has_begun = True
            file.write(samples.astype("<i2").tobytes())
            file.flush()
    finally:
        if has_begun and first is not None:
            _end_wav(poured, file, first)


def _end_wav(poured: _Poured, file: BinaryIO, first: int) -> None:
    """Write behind the samples of a WAV what they are, and before them how long they are."""
    said = poured.comment().encode() + b"\0"
    said += b"\0" * (len(said) % 2)
    size, behind = _BYTES * poured.size, _LIST.pack(b"LIST", 12 + len(said), b"INFO", b"ICMT", len(said)) + said
    if poured.comment() == comment({}):
        behind = b""
    if _BEFORE_DATA + size + len(behind) < _UNKNOWN:
        file.write(behind)
        file.seek(first)
        file.write(_header(poured.rate, size, behind=len(behind)))
        file.seek(0, 2)


def _pour_flac(poured: _Poured, file: BinaryIO) -> None:
    sound: soundfile.SoundFile | None = None
    try:
        for samples in poured.new():
            if sound is None:
                sound = _flac(file, poured.rate)
            sound.write(samples)
            sound.flush()
            file.flush()
    finally:
        if sound is not None:
            sound.close()
            file.seek(_place_of_comment(poured.rate))
            file.write(poured.comment().ljust(LONGEST_COMMENT).encode())
            file.seek(0, 2)


def _flac(file: BinaryIO | io.BytesIO, rate: int) -> soundfile.SoundFile:
    """Open a FLAC whose comment says nothing yet, and has room for what it will say."""
    sound = soundfile.SoundFile(file, "w", rate, 1, "PCM_16", format="FLAC")
    sound.comment = comment({}).ljust(LONGEST_COMMENT)
    return sound


def _place_of_comment(rate: int) -> int:
    """Return where a FLAC has its comment, which is before the samples."""
    same = io.BytesIO()
    with _flac(same, rate) as sound:
        sound.write(np.zeros(1, np.int16))
    return same.getvalue().index(comment({}).ljust(LONGEST_COMMENT).encode())


def _header(rate: int, size: int | None, *, behind: int = 0) -> bytes:
    """Return the header of a WAV of 16 bits in one channel; None for a size that is not yet known."""
    whole = _UNKNOWN if size is None else _BEFORE_DATA + size + behind
    data = _UNKNOWN if size is None else size
    return _HEADER.pack(
        b"RIFF", whole, b"WAVE", b"fmt ", 16, 1, 1, rate, _BYTES * rate, _BYTES, 8 * _BYTES, b"data", data
    )
