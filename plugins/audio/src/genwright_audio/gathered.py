"""Clips as they were sampled, with all that metrics compute of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float16, Float32
from numpy import ndarray

from genwright_audio.classifier import PARTS, picture
from genwright_audio.clip import Clip, facts, flaw
from genwright_audio.features import COUNT, course
from genwright_audio.hearing import BANDS, heard
from genwright_audio.nearest import FRAMES, outline

__all__ = ["Gathered", "Heard"]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Heard:
    """What is heard of clips.

    courses:  what their features are made of; see `features`
    pictures: what a classifier sees of them
    outlines: what copies are found by; see `nearest`
    """

    courses: Float32[ndarray, "N 641"]
    pictures: Float32[ndarray, "N 40 32"]
    outlines: Float16[ndarray, "N 40 160"]


@final
class Gathered:
    """The clips without a flaw, in their order, and what metrics compute of them, once and when asked for."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self.clips = [clip for clip in clips if flaw(clip) is None]
        self._heard: dict[int, Heard] = {}

    def said(self, name: str) -> tuple[str | None, ...]:
        """Return what each says of itself by that name."""
        return tuple(facts(clip.facts).get(name) for clip in self.clips)

    def at(self, rate: int) -> Heard:
        """Return what is heard of them at a rate."""
        if rate not in self._heard:
            self._heard[rate] = _heard(self.clips, rate)
        return self._heard[rate]


def _heard(clips: Sequence[Clip], rate: int) -> Heard:
    count = len(clips)
    found = Heard(
        courses=np.empty((count, COUNT), dtype=np.float32),
        pictures=np.empty((count, BANDS, PARTS), dtype=np.float32),
        outlines=np.empty((count, BANDS, FRAMES), dtype=np.float16),
    )
    for place, clip in enumerate(clips):
        bands = heard(clip, rate)
        found.courses[place] = course(clip, bands)
        found.pictures[place] = picture(bands)
        found.outlines[place] = outline(bands)
    return found
