"""Where a clip came from, carried by the clip itself: the id of its sample, and a digest of its waveform."""

from __future__ import annotations

from dataclasses import replace

from genwright_audio.clip import Clip, digest, stepped

__all__ = ["is_intact", "signed"]


def signed(clip: Clip, *, sample: str) -> Clip:
    """Return a clip that names its sample and the SHA-256 of its waveform; files of every kind keep both in a tag.

    The digest is of what a file of 16 bits keeps of the waveform, which is all of what encoders give.

    sample: the id that `genwright samples show` takes: "5f1c…/17"
    """
    return clip.saying(sample=sample, digest=_kept(clip))


def is_intact(clip: Clip) -> bool | None:
    """Say whether a clip's waveform is still the one that was signed, as in WAV and FLAC; None if it never was.

    Of OGG and MP3 it is not: they keep what is heard, and not the samples.
    """
    known = clip.facts.get("digest")
    return None if known is None else known == _kept(clip)


def _kept(clip: Clip) -> str:
    return digest(replace(clip, wave=stepped(clip.wave)))
