"""Clips as bytes of sound files, in which a tag holds what they say of themselves."""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from io import BufferedIOBase

import numpy as np
import soundfile
from jaxtyping import Float32
from numpy import ndarray

from genwright.errors import DataError
from genwright_audio.beginning import Beginning
from genwright_audio.clip import LONGEST, Clip, facts, levels
from genwright_audio.containers import breaks_off
from genwright_audio.mpeg import counted

__all__ = [
    "ENDINGS",
    "FORMATS",
    "LONGEST_COMMENT",
    "check_header",
    "comment",
    "decoded",
    "encoded",
    "from_bytes",
    "to_bytes",
]

FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}
"""What files are written as, by the endings of their names."""

ENDINGS = (*FORMATS, ".aif", ".aiff", ".oga", ".opus")
"""The endings of files that are read."""

LONGEST_COMMENT = 2_000
"""The longest comment of a WAV, in bytes: libsndfile reads 2,047, or nothing."""

# What a comment can do without, the least important first; where a clip came from it cannot.
_LEAST = ("ends", "text", "kind", "speaker", "digit")

# Decoders of lossy formats overshoot; more than that was never within full scale.
_OVER = 1.5

# The largest rate for which FLAC has room.
_FASTEST = 655_350

# Ten minutes at 192 kHz and a little more. Silence of any length and rate fits into a small file.
_MOST = 1 << 27
_BLOCK = 1 << 20

# How files of kinds begin that say their length there.
_SAYING = (b"RIFF", b"RF64", b"FORM", b"fLaC")

# Two frames of MP3: encoders put some silence before a sound and behind, decoders cut some.
_AROUND = 2 * 1_152

# What libsndfile says of a file that does not tell its length.
_UNKNOWN = 2**63 - 1


def decoded(stream: BufferedIOBase, name: str | None = None, *, longest: float = LONGEST) -> Clip:
    """Return the clip of an open sound file; several channels are averaged, and what is a little over 1 is cut.

    longest: seconds, above which nothing but the header is read

    Raises DataError for what cannot be read, breaks off, or is too long.
    """
    clip = _decoded(stream, name, longest)
    return replace(clip, wave=clip.wave.clip(-1, 1)) if clip.peak <= _OVER else clip


def _decoded(stream: BufferedIOBase, name: str | None, longest: float) -> Clip:
    if breaks_off(stream):
        raise DataError("It breaks off or is damaged: not all that it should hold is there.")
    stream.seek(0)
    try:
        with soundfile.SoundFile(stream) as file:
            _check_length(file.frames, file.samplerate, longest)
            wave, rate, said, expected = _averaged(file), file.samplerate, file.comment, file.frames
    except (soundfile.SoundFileError, OSError, EOFError) as error:
        raise DataError(f"It cannot be read as a sound: {_reason(error)}.") from error
    _check_whole(stream, len(wave), expected)
    return Clip(wave=wave, rate=rate, facts=_facts(said), file=name)


def check_header(stream: BufferedIOBase | Beginning) -> None:
    """Raise DataError where the header of a sound says that it is too long; `decoded` refuses what has none."""
    try:
        # Of others the length is found in their end.
        if stream.read(4) not in _SAYING:
            return
        stream.seek(0)
        with soundfile.SoundFile(stream) as file:
            frames, rate = file.frames, file.samplerate
    except soundfile.SoundFileError:
        return
    if frames != _UNKNOWN:
        _check_length(frames, rate, LONGEST)


def encoded(clip: Clip, ending: str) -> bytes:
    """Return the bytes of a file of a kind in FORMATS; 16 bits a sample, or what a lossy kind makes of them.

    Raises DataError for a clip without samples, or of a rate for which the kind has no room.
    """
    kind, subtype = FORMATS[ending]
    where = f" ({clip.file})" if clip.file else ""
    if not len(clip.wave):
        raise DataError(f"a file of sound holds a sample or more; got a clip that is empty{where}. Leave it out.")
    try:
        return _written(clip, kind, subtype)
    except soundfile.SoundFileError as error:
        raise DataError(
            f"a {ending} file should hold {clip.rate:,} Hz{where}; it cannot: {_reason(error)}. Write a .wav."
        ) from error


def comment(said: Mapping[str, str], *, room: int = sys.maxsize) -> str:
    """Return facts as the comment of a file has them, in ASCII.

    room: how many bytes it may have; what is longer lacks ends, texts and labels, in this order
    """
    # In ASCII: neither WAV nor libsndfile's MP3 says in which letters its tags are.
    kept = facts(said)
    for name in _LEAST:
        if len(json.dumps(kept)) > room:
            kept.pop(name, None)
    return json.dumps(kept)


def to_bytes(clip: Clip) -> bytes:
    """Return a FLAC of 16 or 24 bits where that keeps the samples to the bit, else a WAV of 32-bit floats.

    A WAV has no room for a text of over 1,700 characters.
    """
    for bits in (16, 24):
        fits = len(clip.wave) and clip.rate <= _FASTEST
        if fits and np.array_equal(levels(clip.wave, bits=bits) / (1 << bits - 1), clip.wave):
            return _written(clip, "FLAC", f"PCM_{bits}")
    return _without_time(_written(clip, "WAV", "FLOAT"))


def from_bytes(data: bytes) -> Clip:
    """Return the clip that `to_bytes` wrote, of any length, with samples over 1 as they are."""
    return _decoded(io.BytesIO(data), None, math.inf)


def _check_length(frames: int, rate: int, longest: float) -> None:
    if frames == _UNKNOWN:
        raise DataError("It does not say how long it is.")
    if frames > longest * rate:
        raise DataError(f"It takes {frames / rate:,.0f} seconds, over the limit of {longest:g}.")
    if frames > _MOST:
        raise DataError(f"It has {frames:,} samples, over the limit of {_MOST:,}.")


def _check_whole(stream: BufferedIOBase, read: int, expected: int) -> None:
    """Raise DataError where there was less to read than a file says, or, as of some MP3, than it has."""
    samples, is_whole = counted(stream) or (0, read >= expected)
    if not is_whole:
        raise DataError(f"It breaks off after {read:,} samples.")
    if samples > read + _AROUND:
        raise DataError(
            f"It does not say how long it is, and of {samples:,} samples {read:,} would be read. Write it again."
        )


def _averaged(file: soundfile.SoundFile) -> Float32[ndarray, " L"]:
    """Return the average of the channels, block by block: a file may have a thousand of them."""
    blocks, size = [np.zeros(0, np.float32)], max(1, _BLOCK // file.channels)
    while len(block := file.read(size, dtype="float32", always_2d=True)):
        blocks.append(block[:, 0] if file.channels == 1 else block.mean(1, dtype=np.float32))
    return np.concatenate(blocks)


def _reason(error: Exception) -> str:
    """Return what libsndfile says, without the object that it was given."""
    said = str(getattr(error, "error_string", error))
    return said.removeprefix("Error : ").rstrip(". ")


def _written(clip: Clip, kind: str, subtype: str) -> bytes:
    stream = io.BytesIO()
    with soundfile.SoundFile(stream, "w", clip.rate, 1, subtype, format=kind) as file:
        if said := facts(clip.facts):
            file.comment = comment(said, room=LONGEST_COMMENT if kind == "WAV" else sys.maxsize)
        file.write(_integers(clip.wave, subtype))
    return stream.getvalue()


def _without_time(data: bytes) -> bytes:
    """Return a WAV of floats without the time at which its chunk of peaks was made, so that equal clips are equal."""
    place, name = 12, b""
    while name != b"data":
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        if name == b"PEAK":
            return data[: place + 12] + bytes(4) + data[place + 16 :]
        place += 8 + size + size % 2
    return data


def _integers(wave: Float32[ndarray, " L"], subtype: str) -> ndarray:
    """Return samples as a file of a subtype takes them without rounding of its own."""
    if not subtype.startswith("PCM"):
        return wave
    bits = int(subtype.removeprefix("PCM_"))
    # soundfile takes the upper bits of 32.
    return (levels(wave, bits=bits) << 32 - bits).astype(np.int32)


def _facts(said: str) -> dict[str, str]:
    """Return the facts in the comment of a file; a comment of another program says none."""
    try:
        found = json.loads(said or "{}")
    except ValueError:
        return {}
    return facts(found) if isinstance(found, dict) else {}
