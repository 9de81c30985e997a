"""Clips as bytes of sound files, in which a tag holds what they say of themselves."""

from __future__ import annotations

import io
import json
from typing import BinaryIO

import numpy as np
import soundfile
from jaxtyping import Float32, Float64
from numpy import ndarray

from genwright.errors import DataError
from genwright_audio.clip import LONGEST, Clip, facts

__all__ = ["ENDINGS", "FORMATS", "decoded", "encoded", "from_bytes", "to_bytes"]

FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}
"""What files are written as, by the endings of their names."""

ENDINGS = (*FORMATS, ".aif", ".aiff", ".oga", ".opus")
"""The endings of files that are read."""

# Decoders of lossy formats overshoot; more than that was never within full scale.
_OVER = 1.5

# From the largest rate at which FLAC has a header.
_FASTEST = 655_350


def decoded(stream: BinaryIO, name: str | None = None) -> Clip:
    """Return the clip of an open sound file; several channels are averaged, and what is a little over 1 is cut.

    Raises DataError for what cannot be read, breaks off, or takes more than LONGEST seconds, without reading that.
    """
    try:
        with soundfile.SoundFile(stream) as file:
            if file.frames > LONGEST * file.samplerate:
                raise DataError(
                    f"It takes {file.frames / file.samplerate:,.0f} seconds, over the limit of {LONGEST:g}."
                )
            channels, rate = file.read(dtype="float32", always_2d=True), file.samplerate
            said, expected = file.comment, file.frames
    except (soundfile.SoundFileError, OSError, EOFError) as error:
        raise DataError(f"It cannot be read as a sound: {str(error).rstrip('.')}.") from error
    if len(channels) < expected:
        raise DataError(f"It breaks off after {len(channels):,} of {expected:,} samples.")
    wave = channels[:, 0] if channels.shape[1] == 1 else channels.mean(1, dtype=np.float32)
    if np.abs(wave).max(initial=0.0) <= _OVER:
        wave = wave.clip(-1, 1)
    return Clip(wave=np.ascontiguousarray(wave), rate=rate, facts=_facts(said), file=name)


def encoded(clip: Clip, ending: str) -> bytes:
    """Return the bytes of a file of a kind in FORMATS; 16 bits a sample, or what a lossy kind makes of them."""
    kind, subtype = FORMATS[ending]
    return _written(clip, kind, subtype)


def to_bytes(clip: Clip) -> bytes:
    """Return a FLAC of 16 or 24 bits where that keeps the samples to the bit, else a WAV of 32-bit floats."""
    for bits in (16, 24):
        levels: Float64[ndarray, " L"] = clip.wave.astype(np.float64) * (1 << bits - 1)
        fits = len(levels) and clip.rate <= _FASTEST and levels.max() < (1 << bits - 1)
        if fits and np.array_equal(levels, levels.round()):
            return _written(clip, "FLAC", f"PCM_{bits}")
    return _written(clip, "WAV", "FLOAT")


def from_bytes(data: bytes) -> Clip:
    """Return the clip that `to_bytes` wrote."""
    return decoded(io.BytesIO(data))


def _written(clip: Clip, kind: str, subtype: str) -> bytes:
    stream = io.BytesIO()
    with soundfile.SoundFile(stream, "w", clip.rate, 1, subtype, format=kind) as file:
        if said := facts(clip.facts):
            file.comment = json.dumps(said, ensure_ascii=False)
        file.write(_integers(clip.wave, subtype))
    return stream.getvalue()


def _integers(wave: Float32[ndarray, " L"], subtype: str) -> ndarray:
    """Return samples as a file of a subtype takes them without rounding of its own."""
    if not subtype.startswith("PCM"):
        return wave
    bits = int(subtype.removeprefix("PCM_"))
    top = (1 << bits - 1) - 1
    levels = (wave.astype(np.float64) * (top + 1)).round().clip(-top - 1, top)
    # soundfile takes the upper bits of 32.
    return (levels.astype(np.int64) << 32 - bits).astype(np.int32)


def _facts(said: str) -> dict[str, str]:
    """Return the facts in the comment of a file; a comment of another program says none."""
    try:
        found = json.loads(said or "{}")
    except ValueError:
        return {}
    return facts(found) if isinstance(found, dict) else {}
